// Where the replay stands, and how it moves: at real time or a multiple of it, one state at a time, or by hand.

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const LONGEST_GAP_S = 0.25; // A page that stood still for longer goes on from where it was.

export class Clock {
  /**
   * `limit()` is the last state that can be shown by now; `onMove()` is called at every change.
   * @param {{limit: () => number, onMove: () => void}} options
   */
  constructor({ limit, onMove }) {
    this.limit = limit;
    this.onMove = onMove;
    this.last = 0;
    this.framesPerS = 30;
    this.position = 0;
    this.speed = 1;
    this.isPlaying = false;
    this.isRepeating = false;
    this.request = 0;
    /** @type {number | null} */
    this.before = null;
    this.whenHidden = () => document.hidden && this.pause();
    document.addEventListener("visibilitychange", this.whenHidden);
  }

  get step() {
    return Math.floor(this.position);
  }

  /** States from one picture to the next at the present speed, on a screen of 60 pictures a second. */
  get stride() {
    return Math.max(1, Math.round((this.framesPerS * this.speed) / 60));
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  play() {
    if (this.isPlaying || this.last === 0) return;
    if (this.step >= this.last) this.position = 0;
    this.isPlaying = true;
    this.before = null;
    this.request = requestAnimationFrame((now) => this.advance(now));
    this.onMove();
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    cancelAnimationFrame(this.request);
    this.position = this.step;
    this.onMove();
  }

  /**
   * To `step`, as far as there is one; a replay that plays goes on from there.
   * @param {number} step
   */
  seek(step) {
    this.position = Math.min(Math.max(0, Math.round(step)), this.last);
    this.onMove();
  }

  /**
   * By hand: stands still `count` states further.
   * @param {number} count
   */
  move(count) {
    this.pause();
    this.seek(this.step + count);
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.speed = speed;
    this.onMove();
  }

  /**
   * To the speed so many places further in the list, if there is one.
   * @param {number} by
   */
  changeSpeed(by) {
    const index = SPEEDS.indexOf(this.speed) + by;
    if (index in SPEEDS) this.setSpeed(SPEEDS[index]);
  }

  toggleRepeating() {
    this.isRepeating = !this.isRepeating;
    this.onMove();
  }

  /** @param {number} now */
  advance(now) {
    const seconds = this.before === null ? 0 : Math.min(LONGEST_GAP_S, (now - this.before) / 1000);
    this.before = now;
    const before = this.step;
    this.position = Math.min(this.position + seconds * this.framesPerS * this.speed, this.limit());
    if (this.position >= this.last) {
      if (!this.isRepeating) {
        this.position = this.last;
        this.pause();
        return;
      }
      this.position = 0;
    }
    if (this.step !== before) this.onMove();
    this.request = requestAnimationFrame((later) => this.advance(later));
  }

  dispose() {
    this.isPlaying = false;
    cancelAnimationFrame(this.request);
    document.removeEventListener("visibilitychange", this.whenHidden);
  }
}
