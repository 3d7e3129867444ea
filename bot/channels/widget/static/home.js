/** The copy button of the embed snippet. */

const button = document.getElementById("copy");
const snippet = document.getElementById("snippet");
const status = document.getElementById("copy-status");

async function copy() {
  try {
    await navigator.clipboard.writeText(snippet.textContent);
    status.textContent = button.dataset.done;
  } catch {
    // Without leave to use the clipboard, the text is selected and ready to copy by hand.
    getSelection().selectAllChildren(snippet);
    status.textContent = button.dataset.byHand;
  }
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", copy);
}
