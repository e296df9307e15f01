(function () {
  "use strict";
  // What is pointed at is open, and so is what calls for somebody when the page is printed.
  function target() {
    var found = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var e = found; e; e = e.parentElement) {
      if (e.tagName === "DETAILS") { e.open = true; }
    }
    if (found) { found.scrollIntoView(); }
  }
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.filter.call(document.querySelectorAll(".control[data-told]"), function (c) { return !c.open && !c.hidden; });
    opened.forEach(function (c) { c.open = true; });
  });
  window.addEventListener("afterprint", function () { opened.forEach(function (c) { c.open = false; }); });
  window.addEventListener("hashchange", target);
  target();
})();
