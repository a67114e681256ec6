// What follows the # in an address is never sent: a login leads back to it all the same, for a redirect keeps that
// of the address that was asked for.

const form = document.querySelector("form[method=post]");
form.action += location.hash;
