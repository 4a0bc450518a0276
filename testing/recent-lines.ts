/** How many lines are kept to say why a program ended. */
const KEPT_LINES = 50;

/** The beginning of a Go program's last words. The cause comes first, and hundreds of lines follow. */
const LAST_WORDS = /^(panic|fatal error): /;

/** The newest lines of a program; after its last words have begun, the first of those. */
export class RecentLines {
  readonly all: string[] = [];
  private isEnding = false;

  add(line: string): void {
    if (line.trim() === '') return;
    if (!this.isEnding && LAST_WORDS.test(line)) {
      this.isEnding = true;
      this.all.splice(0, Math.max(0, this.all.length - KEPT_LINES / 2));
    }
    if (this.all.length === KEPT_LINES && this.isEnding) return;
    if (this.all.length === KEPT_LINES) this.all.shift();
    this.all.push(line);
  }
}
