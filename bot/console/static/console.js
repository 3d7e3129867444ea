/* The console works without this script; it adds the live preview of the editor. */

const PAUSE = 600;
const editor = document.getElementById("editor");

if (editor) {
  const beside = document.getElementById("beside");
  let waiting = 0;
  let asked = 0;

  const refresh = async () => {
    const number = ++asked;
    try {
      const response = await fetch(editor.dataset.preview, {
        method: "POST",
        body: new URLSearchParams(new FormData(editor)),
        credentials: "same-origin",
      });
      const html = await response.text();
      // An older answer must not take the place of a newer one.
      if (response.ok && number === asked) {
        const open = [...beside.querySelectorAll("details[open][id]")].map(({ id }) => id);
        beside.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
        // What was open stays open while somebody types.
        for (const id of open) beside.querySelector(`#${id}`)?.setAttribute("open", "");
      }
    } catch {
      // Off the network: the last preview stays, and saving says what is wrong.
    }
  };

  editor.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, PAUSE);
  });

  let saved = new URLSearchParams(new FormData(editor)).toString();
  editor.addEventListener("submit", () => { saved = null; });
  addEventListener("beforeunload", (event) => {
    const now = new URLSearchParams(new FormData(editor)).toString();
    if (saved !== null && now !== saved) event.preventDefault();
  });
}
