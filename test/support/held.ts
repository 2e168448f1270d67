/** An answer that waits until the test lets it go. */
export class Held {
  private release: () => void = () => {};
  private begin: () => void = () => {};
  readonly begun = new Promise<void>((resolve) => {
    this.begin = resolve;
  });
  private readonly released = new Promise<void>((resolve) => {
    this.release = resolve;
  });

  wait(): Promise<void> {
    this.begin();
    return this.released;
  }

  letGo(): void {
    this.release();
  }
}
