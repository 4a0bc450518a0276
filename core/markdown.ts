// The Temporal UI shows summaries and details as Markdown.

/** What Markdown gives a meaning within a line, and HTML. */
const SPECIAL = /[\\`*_{}[\]()<>#+!|~&$]/g;
/** A scheme or a domain that would become a link. */
const LINK = /(:\/\/|\bwww\.|\bmailto:)/gi;
const ESCAPED = /\\([\\`*_{}[\]()<>#+!|~&$:.])/g;

/**
 * A text in one line that Markdown shows as it is: what a model, a tool or a person wrote must become
 * neither a link nor an image.
 */
export function plainMarkdown(text: string): string {
  return text
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .replaceAll(SPECIAL, String.raw`\$&`)
    .replaceAll(LINK, (link) => link.replace(/[:.]/, String.raw`\$&`));
}

/** What a text was that `plainMarkdown` has written. */
export function fromMarkdown(markdown: string): string {
  return markdown.replaceAll(ESCAPED, '$1');
}
