"""What holds on every page, at any width, in either theme: nothing is hidden, or complains."""

import pytest
from django.urls import resolve

from backlog.models import Card
from backlog.web.urls import urlpatterns
from fleet.urls import urlpatterns as of_the_rules
from fleet.verbs import escalations, gate, signals
from hooks.urls import urlpatterns as of_webhooks
from hooks.verbs import webhooks
from tests.browser.test_browser import PAGES, RULES, in_light_and_dark, violations

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

# What is posted to, or is a part of a page.
NO_PAGES = {"act", "save_view", "remove_view", "sample", "pause", "resume", "limit", "unlimit"}
NO_PAGES |= {"act_on_escalation", "live", "live_cells", "output_live", "palette"}
NO_PAGES |= {"budget", "unbudget"}
NO_PAGES |= {"webhook_add", "webhook_rotate", "act_on_webhook"}
NO_PAGES |= {"north_star_propose", "north_star_decide"}
NO_PAGES |= {"repeat", "repeat_off", "gate", "ungate"}

WIDTHS = [320, 390, 768, 1440, 2560, 3840]

# The headings, and what can be pressed, of which something lies over the middle.
COVERED = """() => [...document.querySelectorAll("h1, h2, th, a, button, input, select, summary")]
    .filter((each) => {
        const { x, y, width, height } = each.getBoundingClientRect();
        const [left, top] = [x + width / 2, y + height / 2];
        // It is out of what scrolls.
        for (let box = each; box; box = box.parentElement) {
            const { overflowX, contentVisibility } = getComputedStyle(box);
            const edge = box.getBoundingClientRect();
            const clips = overflowX !== "visible" || contentVisibility === "auto";
            if (clips && (left < edge.left || left > edge.right)) return false;
        }
        // It is for who hears the page, or stock's until it is pointed at.
        if (!each.checkVisibility() || width < 2 || each.matches(".visually-hidden, .sortremove"))
            return false;
        const seen = document.elementFromPoint(left, top);
        const itself = each.contains(seen) || seen?.contains(each);
        return seen && !itself && seen.closest("label")?.control !== each;
    })
    .map((each) => `covered: ${each.outerHTML.slice(0, 160)}`)"""


@pytest.fixture(autouse=True)
def busy_fleet(busy_board):
    """What the fleet's pages and parts of pages are about."""
    session = Card.objects.session()
    escalations.escalate(session, "which of these two?", "waits", "worker-1")
    escalations.ack(session, escalations.escalate(session, "help").id)
    escalations.resolve(session, escalations.escalate(session, "help", "held").id, "done")
    webhooks.add_webhook(session, "https://example.org/in", ["card.blocked", "phase.done"])
    webhooks.test(session, webhooks.subscriptions(session)[0].id)
    gate.decide(session, "waits", "rejected", "two failures", "4f2a9c1", "worker-1")
    signals.signal(session, "waits", "tooling", "no dry run", "line\n" * 40)


def test_every_page_of_the_site_is_looked_at():
    looked_at = {resolve(path.split("?")[0]).url_name for path in PAGES.values()}
    assert {each.name for each in urlpatterns + of_the_rules + of_webhooks} - NO_PAGES <= looked_at


@pytest.mark.deep
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_at_every_width_and_in_both_themes(operator, live_server, complaints, name):
    status = operator.goto(live_server.url + PAGES[name]).status
    faults = [fault for width in WIDTHS for fault in seen_at(operator, width)]
    # A page that is missing is itself a line on the console.
    for line in [line for line in complaints if status == 404 and "404" in line]:
        complaints.remove(line)
    assert faults == []


def seen_at(page, width: int) -> list[str]:
    """What is wrong with a page of this width, said with the width."""
    page.set_viewport_size({"width": width, "height": 900})
    found = page.evaluate(COVERED)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("it scrolls sideways")
    # What a screen reader meets is another thing on a phone; a colour is not.
    if width == 390:
        found += violations(page, RULES)
    if width == 1440:
        found += in_light_and_dark(page)
    return [f"{width} px: {fault}" for fault in found]
