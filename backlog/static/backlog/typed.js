// What somebody has typed and not sent is not lost by what a page does of itself.

export const isTyped = (root) =>
  [...root.querySelectorAll("textarea, form[method=post] input:not([type=hidden], [type=checkbox])")].some(
    (field) => field.value !== field.defaultValue,
  );

// To the login, or to what the page is by now; as long as something is typed it stays, and says so. What is
// sent from it then is asked for again, after the login.
export function depart(go = () => location.reload()) {
  if (isTyped(document)) throw new Error("you are logged out, or this is gone; what you typed stays until you send it");
  go();
}
