// In every page before its own scripts: when the last card came, what moved, what can be seen.
window.watch = (() => {
    const card = /Card number \d{4}/;
    const quiet = 2000; // as many milliseconds without a card more: the board is drawn
    const watched = { last: 0, shift: 0 };
    let timer;
    let done;
    watched.drawn = new Promise((resolve) => (done = resolve));

    const has = (node) => card.test(node.nodeType === Node.TEXT_NODE ? node.data : node.textContent);

    new MutationObserver((records) => {
        if (!records.some((record) => [...record.addedNodes].some(has))) return;
        requestAnimationFrame(() => (watched.last = performance.now()));
        clearTimeout(timer);
        timer = setTimeout(done, quiet);
    }).observe(document, { childList: true, subtree: true });

    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) watched.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });

    const clips = (element) => getComputedStyle(element).overflow !== "visible";

    // Within the window and within all that cuts it, and nothing in front of it.
    const shown = (rect, parent) => {
        const inside = (box) =>
            rect.left >= box.left - 1 && rect.right <= box.right + 1 && rect.top >= box.top - 1 && rect.bottom <= box.bottom + 1;
        if (!inside({ left: 0, top: 0, right: innerWidth, bottom: innerHeight })) return false;
        for (let each = parent; each && each !== document.body; each = each.parentElement)
            if (clips(each) && !inside(each.getBoundingClientRect())) return false;
        const front = document.elementFromPoint((rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2);
        return front && (front.contains(parent) || parent.contains(front) || front.parentElement.contains(parent));
    };

    // Which of these texts can be read whole, without a click.
    watched.seen = (texts) => {
        const found = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const { data, parentElement } = walker.currentNode;
            for (const text of texts) {
                const start = data.indexOf(text);
                if (start < 0 || !parentElement.checkVisibility({ visibilityProperty: true })) continue;
                const range = document.createRange();
                range.setStart(walker.currentNode, start);
                range.setEnd(walker.currentNode, start + text.length);
                if ([...range.getClientRects()].every((rect) => shown(rect, parentElement))) found.push(text);
            }
        }
        return found;
    };

    // Brings a screen of what cuts the element nearer to it; false if it is in view.
    watched.scroll = (element) => {
        const at = element.getBoundingClientRect();
        for (let each = element.parentElement; each; each = each.parentElement) {
            const root = each === document.documentElement;
            if (!root && !/auto|scroll/.test(getComputedStyle(each).overflow)) continue;
            const box = root ? { left: 0, top: 0, right: innerWidth, bottom: innerHeight } : each.getBoundingClientRect();
            const over = (end, start, size) => (end > 1 ? size : start < -1 ? -size : 0);
            const x = over(at.right - box.right, at.left - box.left, each.clientWidth);
            const y = over(at.bottom - box.bottom, at.top - box.top, root ? innerHeight : each.clientHeight);
            const before = [each.scrollLeft, each.scrollTop];
            each.scrollBy({ left: x, top: y, behavior: "instant" });
            if (each.scrollLeft !== before[0] || each.scrollTop !== before[1]) return true;
        }
        return false;
    };

    // When a press has had its effect.
    watched.settled = () =>
        new Promise((resolve) => {
            const restart = () => {
                clearTimeout(timer);
                timer = setTimeout(() => (observer.disconnect(), resolve()), 300);
            };
            const observer = new MutationObserver(restart);
            let timer;
            observer.observe(document, { childList: true, subtree: true, attributes: true });
            restart();
        });
    return watched;
})();
