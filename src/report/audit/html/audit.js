
(function () {
  "use strict";
  var form = document.querySelector(".filters");
  var controls = Array.prototype.slice.call(document.querySelectorAll(".control"));
  var parts = Array.prototype.slice.call(document.querySelectorAll(".part"));
  var texts = controls.map(function (c) { return c.textContent.toLowerCase(); });
  function on(name) {
    var all = form.querySelectorAll("input[name=" + name + "]");
    return Array.prototype.filter.call(all, function (i) { return i.checked; }).map(function (i) { return i.value; });
  }
  function stands(control, host) {
    control.querySelectorAll(".stand").forEach(function (s) {
      s.hidden = host !== "" && s.dataset.hosts.split(" ").indexOf(host) < 0;
    });
  }
  function apply() {
    var words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var host = form.host.value, section = form.section.value;
    var severities = on("severity"), verdicts = on("verdict");
    var shown = 0;
    controls.forEach(function (c, at) {
      var letters = c.dataset.verdicts;
      if (host !== "") { letters = letters.charAt(Number(host)); }
      var fits = severities.indexOf(c.dataset.severity) >= 0 &&
        (section === "" || section === c.dataset.section) &&
        verdicts.some(function (v) { return letters.indexOf(v) >= 0; }) &&
        words.every(function (w) { return texts[at].indexOf(w) >= 0; });
      c.hidden = !fits;
      if (fits) { shown += 1; stands(c, host); }
    });
    parts.forEach(function (p) {
      var left = p.querySelectorAll(".control:not([hidden])");
      p.hidden = left.length === 0;
      p.querySelector(".count").textContent = left.length;
      p.querySelectorAll(".control").forEach(function (c) { c.classList.toggle("first", c === left[0]); });
    });
    form.shown.textContent = shown === controls.length ? shown + " controls" : shown + " of " + controls.length + " controls";
  }
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  form.addEventListener("reset", function () { setTimeout(apply, 0); });
  document.querySelectorAll("a[data-host],a[data-section]").forEach(function (a) {
    a.addEventListener("click", function () {
      if (a.dataset.host !== undefined) { form.host.value = a.dataset.host; }
      if (a.dataset.section !== undefined) { form.section.value = a.dataset.section; }
      apply();
    });
  });
  apply();
})();
