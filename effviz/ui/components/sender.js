// Tells Python what a hand chose, and tells it again until that move is answered: a message may be lost on the way,
// and what the hand sees and what Python knows would then differ for ever.

const FIRST_WAIT_MS = 2000; // each further one is twice as long
const MOST_REPEATS = 5;

/** @typedef {{value: unknown, move: number}} Told Python sends the number back with its answer */

/** Whether Python is at work, and may answer yet: a repeat would make it begin again. */
const atWork = () => document.querySelector('[data-test-script-state="running"]') !== null;

class Sender {
  /** @param {Element} root of the component @param {(told: Told) => void} send */
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.move = 0; // the newest
    this.waiting = false; // for its answer
    this.timer = 0;
  }

  /** A hand made a move. @param {unknown} value */
  tell(value) {
    this.move += 1;
    this.waiting = true;
    this.send({ value, move: this.move });
    this.wait(value, 0);
  }

  /** @param {unknown} value @param {number} repeats so far */
  wait(value, repeats) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.root.isConnected || repeats === MOST_REPEATS) {
        this.waiting = false; // what Python says next counts
        return;
      }
      const patient = atWork();
      if (!patient) this.send({ value, move: this.move });
      this.wait(value, patient ? repeats : repeats + 1);
    }, FIRST_WAIT_MS * 2 ** repeats);
  }

  /** Python answers a move. @param {number} move @returns {boolean} whether it knows the newest, so that what it says counts */
  hear(move) {
    if (this.waiting && move !== this.move) return false;
    clearTimeout(this.timer);
    this.waiting = false;
    this.move = Math.max(this.move, move); // an earlier element of the same page may have counted further
    return true;
  }
}
