// What the theme leaves unsaid to a screen reader, and undone for the eye.

// the arrows in the sidebar that open a chapter's sections have no name
for (const arrow of document.querySelectorAll("nav summary")) {
  const page = arrow.closest("li").querySelector("a");
  arrow.setAttribute("aria-label", `Sections of ${page.textContent.trim()}`);
}

// doc-biblioentry is deprecated: an entry is an item of its list
for (const entry of document.querySelectorAll(".citation-list > .citation")) {
  entry.setAttribute("role", "listitem");
}

// so that Chinese is read aloud, and drawn, as traditional Chinese
for (const word of document.querySelectorAll(".zh")) {
  word.lang = "zh-Hant";
}

// a wide figure scrolls on a phone: let the keyboard reach it there
const wideFigures = () => {
  for (const figure of document.querySelectorAll(".cell_output figure")) {
    figure.toggleAttribute("tabindex", figure.scrollWidth > figure.clientWidth);
    if (figure.hasAttribute("tabindex")) figure.tabIndex = 0;
  }
};
window.addEventListener("load", wideFigures);
window.addEventListener("resize", wideFigures);

// a comma or a full stop stays on the line of the formula before it
for (const formula of document.querySelectorAll("span.math")) {
  const text = formula.nextSibling;
  const marks = text?.nodeType === Node.TEXT_NODE && text.data.match(/^[.,:;?!)’”]+/);
  if (!marks) continue;
  const together = document.createElement("span");
  together.className = "unbroken";
  formula.replaceWith(together);
  together.append(formula, marks[0]);
  text.data = text.data.slice(marks[0].length);
}
