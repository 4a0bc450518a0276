// The Temporal UI shows summaries and details as Markdown.

/** Characters with a meaning within a line of Markdown, or in HTML. */
const SPECIAL = /[\\`*_{}[\]()<>#+!|~&$]/g;
/** A scheme or a domain that would become a link. */
const LINK = /(:\/\/|\bwww\.|\bmailto:)/gi;
const ESCAPED = /\\([\\`*_{}[\]()<>#+!|~&$:.])/g;

/**
 * A text on one line that Markdown shows unchanged: what a model, a tool or a person wrote must not become a
 * link or an image.
 */
export function plainMarkdown(text: string): string {
  return text
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .replaceAll(SPECIAL, String.raw`\$&`)
    .replaceAll(LINK, (link) => link.replace(/[:.]/, String.raw`\$&`));
}

/** Undoes `plainMarkdown`. */
export function fromMarkdown(markdown: string): string {
  return markdown.replaceAll(ESCAPED, '$1');
}
