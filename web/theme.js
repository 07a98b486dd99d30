// SPDX-License-Identifier: Apache-2.0
// Before anything is drawn: the theme that was chosen here before, else that of the system.
(function () {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* storage is off: the system's */ }
})();
