// The number beside the cart comes from a cookie, so that the pages themselves are the
// same for everybody and may be cached.
const count = document.cookie
  .split("; ")
  .find((pair) => pair.startsWith("cart_count="))
  ?.slice("cart_count=".length);
const badge = document.getElementById("cart-count");
if (badge && /^[1-9]\d{0,3}$/.test(count ?? "")) {
  badge.textContent = count;
  badge.hidden = false;
  badge.closest("a").setAttribute("aria-label", `Cart, ${count} ${count === "1" ? "piece" : "pieces"}`);
}

for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
