"""What holds for every page, whatever is on it."""

import re
from collections import Counter, defaultdict
from html.parser import HTMLParser

import pytest

from backlog.models import Card
from backlog.verbs import budgets, rules
from fleet.verbs import escalations, gate, signals
from hooks.verbs import webhooks
from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

PAGES = ["/", "/cards/", "/card/the-one/", "/card/not-there/", "/card/the-one/edit/", "/fleet/"]
PAGES += ["/activity/", "/doctor/", "/control/", "/card/late-one/", "/card/lost-one/"]
PAGES += ["/phase/M-1/", "/phase/", "/worker/worker-1/"]
PAGES += ["/repeats/", "/cards/?archived=1&late=1"]
PAGES += ["/roles/", "/roles/code/", "/plan/", "/start/", "/cards/?q=one&status=ready"]
PAGES += ["/north-star/", "/cards/new/"]
PAGES += ["/webhooks/"]
PAGES += ["/escalations/", "/signals/"]
LANDMARKS = {"nav", "main", "aside", "header", "form", "section", "search"}
VOID = {"br", "hr", "img", "input", "link", "meta", "rect", "path", "source", "wbr"}


@pytest.fixture(autouse=True)
def busy(store, transactional_db):
    """Cards of every state, with runs, rules and ids that have hyphens."""
    CardFactory(id="late-one", title="T", phase="M-1", expired=True, owner="worker-1")
    CardFactory(id="stop-one", title="T", phase="M-1", blocked=True, note="which?")
    CardFactory(id="lost-one", title="T", depends_on=["not-there", "stop-one"])
    CardFactory(id="next-one", title="T", depends_on=["the-one"])
    CardFactory(id="the-one", title="T", phase="M-1")
    session = Card.objects.session()
    webhooks.add_webhook(session, "https://example.org/in", "card.blocked,budget.spent", "M-1")
    for end in (Card.objects.release, Card.objects.block):
        Card.objects.claim("worker-1", card_id="the-one")
        end("the-one")
    Card.objects.unblock("the-one")
    rules.pause(session, "phase", "M-1", "freeze")
    rules.limit(session, "owner", "worker-1", 3)
    escalations.escalate(session, "which-one?", "the-one", "worker-1")
    gate.decide(session, "the-one", "held", "not-one", actor="worker-1")
    signals.signal(session, "the-one", "skill", "the-one", "late-one", "worker-1")
    budgets.budget(session, "M-1", tokens=5)
    budgets.budget(session, "M-1", tokens=0)


class Reader(HTMLParser):
    """The landmarks of a page by kind and name, and the words that are not kept whole."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.named: list[tuple[str, str]] = []
        self.texts: dict[str, str] = defaultdict(str)
        self.broken: list[str] = []
        self.feed(page)
        self.landmarks = [
            (role, self.texts.get(name, name) if name else "") for role, name in self.named
        ]

    def handle_starttag(self, tag: str, attrs) -> None:
        given = {name: value or "" for name, value in attrs}
        role = given.get("role", tag)
        name = given.get("aria-label") or given.get("aria-labelledby", "")
        if (role in LANDMARKS or role == "region") and (name or tag != "section"):
            self.named.append((role, name))
        if tag not in VOID:
            self.open.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        around = {tag for tag, _ in self.open}
        for _, given in self.open:
            self.texts[given.get("id", "")] += data
        classes = {each for _, given in self.open for each in given.get("class", "").split()}
        if not classes & {"whole", "chip", "sr", "prose"} and not around & {
            "title",
            "option",
            "textarea",
        }:
            self.broken += [word for word in data.split() if "-one" in word or "--" in word]


def _landmarks_of_one_name(page: str) -> dict[tuple[str, str], int]:
    forms = ("form", "")  # without a name it is none
    found = Counter(Reader(page).landmarks)
    return {each: n for each, n in found.items() if n > 1 and each != forms}


def _says_of_when_it_is(page: str) -> bool:
    return bool(re.search(r"As of <time [^>]*>\d+ \w+ \d{4} [\d:]{8} UTC<", page))


def _names_that_lead_nowhere(page: str, path: str) -> list[str]:
    """Phases and workers that a page names without a link to theirs, or the other way round."""
    page = re.sub(r"<title>.*?</title>|<h1.*?</h1>|<option.*?</option>", "", page)
    said = re.sub("<[^>]*>", "", page)
    pages = {"M-1": "/phase/M-1/", "worker-1": "/worker/worker-1/"}
    return [
        name
        for name, url in pages.items()
        if (name in said) != (f'href="{url}"' in page) and url != path
    ]


@pytest.mark.parametrize("path", ["/card/no/", "/card/no/output/", "/phase/no/", "/worker/no/"])
def test_a_page_about_nothing_does_not_ask_for_itself_again_and_again(admin_client, path):
    answer = admin_client.get(path)
    assert (answer.status_code, "As of" in answer.text) == (404, True)
    assert 'hx-trigger="every' not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_its_landmarks_ids_links_and_time_are_as_everywhere(admin_client, path):
    page = admin_client.get(path).text
    assert _landmarks_of_one_name(page) == {}
    assert Reader(page).broken == [], "an id or an option breaks at a hyphen"
    of_no_moment = ("/", "/plan/", "/cards/new/")  # the board says it as it asks
    assert _says_of_when_it_is(page) == (path not in of_no_moment)
    assert _names_that_lead_nowhere(page, path) == []


def test_what_is_longer_than_a_line_may_break(admin_client):
    long = "x-" * 100
    CardFactory(id=long)
    assert f'<span class="id">{long}</span></h1>' in admin_client.get(f"/card/{long}/").text


HEADED = {
    "/phase/M-1/": "Phase M-1",
    "/phase/": "Cards without a phase",
    "/phase/none-such/": "Phase none-such",
    "/worker/worker-1/": "Worker worker-1",
    "/worker/none-such/": "Worker none-such",
}


@pytest.mark.parametrize("url", HEADED)
def test_a_page_says_of_what_kind_its_subject_is(admin_client, url):
    page = re.sub(r"</?span[^>]*>", "", admin_client.get(url).text)
    assert f"<title>{HEADED[url]} · Fleet Backlog</title>" in page
    if "none-such" not in url:
        assert re.search(rf"<h1>{HEADED[url].split()[0]} ", page)
        assert re.search(
            r'<nav class="trail" aria-label="Breadcrumb">\s*<a href="/(fleet/)?">', page
        )


def test_the_name_of_a_lane_leads_to_its_page_and_a_new_card_is_next_to_it(admin_client):
    page = admin_client.get("/").text
    lane = re.search(r'data-phase="M-1">(.*?)<div class="cells">', page, re.S)[1]
    assert re.findall(r'<a [^>]*href="([^"]+)"', lane) == ["/phase/M-1/", "/cards/new/?phase=M-1"]
    assert "<a" not in re.search(r"<summary.*?</summary>", lane, re.S)[0]
    assert re.search(r'<h2[^>]*><a class="of-phase"', lane)
    assert re.search(r"</svg> New card<span", lane)


STACKED = ["/cards/", "/card/the-one/", "/fleet/", "/worker/worker-1/", "/activity/", "/control/"]
STACKED += ["/escalations/", "/signals/", "/webhooks/"]


@pytest.mark.parametrize("url", STACKED)
def test_what_a_phone_shows_as_a_block_is_labelled_as_the_columns_are(admin_client, url):
    page = admin_client.get(url).text
    tables = re.findall(r'<table class="[^"]*stacked">(.*?)</table>', page, re.S)
    assert tables
    for table in tables:
        heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]*)', table)
        labels = {*re.findall('data-label="([^"]*)"', table)}
        assert labels
        assert labels <= {*heads}


@pytest.mark.parametrize(
    "url", ["/login/", "/cards/new/", "/card/the-one/", "/card/stop-one/edit/"]
)
def test_no_label_of_a_form_ends_in_a_colon(admin_client, client, url):
    page = (client if url == "/login/" else admin_client).get(url).text
    assert "<label" in page
    assert re.findall(r":</(?:label|legend)>", page) == []


ADMIN = ["backlog/card/the-one/change/", "backlog/card/", "auth/user/add/", "backlog/event/"]


@pytest.mark.parametrize("path", ADMIN)
def test_nor_does_one_of_the_admin(admin_client, path):
    page = admin_client.get(f"/admin/{path}").text
    assert re.findall(r"<label[^>]*>[^<]*:\s*<", page) == []
