// The keys of a card's own page.

import { listen, onCard } from "./keys.js";

listen(onCard(document.getElementById("main")));
