// What a browser reports while a story plays: an error that nobody meant fails the story.

// What the page is refused on purpose, such as a probe of a permission that is not there, and a text to someone who opted out.
const REFUSED = [403, 409, 412, 422];
const REFUSED_ON_PURPOSE = new RegExp(`^Failed to load resource: the server responded with a status of (${REFUSED.join("|")}) `);
const CUT_WIRE = /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|SOCKET_NOT_CONNECTED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|NETWORK_CHANGED)/;

export class Mishaps {
  found = [];
  // While a story loses answers on purpose.
  isAnswerLost = false;
  // While a story is played by somebody who is not signed in.
  isSignedOut = false;

  watch(page, wasCut) {
    page.on("pageerror", (error) => this.found.push(`page error: ${error.stack ?? error}`));
    page.on("console", (message) => {
      const words = message.text();
      if (message.type() !== "error" || REFUSED_ON_PURPOSE.test(words)) return;
      if (this.isSignedOut && words.includes(" 401 ")) return;
      if (wasCut() && CUT_WIRE.test(words)) return;
      if (this.isAnswerLost && words.endsWith("net::ERR_FAILED")) return;
      this.found.push(`console: ${words} (${message.location().url})`);
    });
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "";
      // The page itself ends a stream of events when it follows another phone or another person signs in, and a reload ends
      // whatever was under way.
      if (why === "net::ERR_ABORTED") return;
      if (wasCut() && CUT_WIRE.test(why)) return;
      if (this.isAnswerLost && why === "net::ERR_FAILED") return;
      this.found.push(`request failed: ${request.method()} ${request.url()} ${why}`);
    });
    page.on("response", (response) => {
      if (this.isSignedOut && response.status() === 401) return;
      if (response.status() >= 400 && !REFUSED.includes(response.status())) {
        this.found.push(`answer: ${response.status()} ${response.request().method()} ${response.url()}`);
      }
    });
  }
}
