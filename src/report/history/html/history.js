(function () {
  "use strict";
  document.querySelectorAll(".found").forEach(function (section) {
    var form = section.querySelector(".filters");
    if (!form) { return; }
    var controls = Array.prototype.slice.call(section.querySelectorAll(".control"));
    var texts = controls.map(function (c) { return c.textContent.toLowerCase(); });
    function apply() {
      var words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      var shown = 0;
      controls.forEach(function (c, at) {
        c.hidden = !words.every(function (w) { return texts[at].indexOf(w) >= 0; });
        if (!c.hidden) { shown += 1; }
      });
      form.shown.textContent = (shown === controls.length ? "" : shown + " of ") + controls.length + (controls.length === 1 ? " task" : " tasks");
    }
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", function (e) { e.preventDefault(); });
    apply();
  });
})();
