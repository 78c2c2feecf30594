// Starts Swagger UI on the server's own description. A key that is typed in is kept by this page alone, until it is closed.
(() => {
  "use strict";
  const main = document.getElementById("reader");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", shade);
  shade();

  const place = document.createElement("div");
  place.id = "operations";
  main.append(place);
  SwaggerUIBundle({
    url: main.dataset.document,
    domNode: place,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    filter: true,
    persistAuthorization: false,
    tryItOutEnabled: false,
    validatorUrl: null,
  });
})();
