"""Who may do what: every page and every action, with each role."""

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, Permission
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from backlog.logs import Formatter
from backlog.models import Card, Event, Rule, Run, Verdict
from backlog.verbs import rules
from backlog.web.buttons import BUTTONS
from backlog.web.seen import Seen
from fleet.models import Decision, Escalation, Heartbeat, Proposal, Repeat, Signal, Worker
from remote.verbs import tokens
from tests.factories import AccountFactory, CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

ROLES = ("anonymous", "nobody", "viewer", "operator", "staff", "superuser")

READING = (
    *("board", "live", "live_cells", "palette", "cards", "card", "phase", "no_phase", "worker"),
    *("fleet", "activity", "search", "doctor", "control", "start", "roles", "role"),
    *("escalations", "signals", "north_star", "repeats", "webhooks"),
)
PRINTED = ("output", "output_live")  # not of a public board
CHANGING = ("pause", "resume", "limit", "unlimit", "act", "create", "edit", "plan", "sample")
CHANGING += ("act_on_escalation", "budget", "unbudget", "repeat", "repeat_off")
CHANGING += ("gate", "ungate", "webhook_add", "webhook_rotate", "act_on_webhook")
DECIDING = ("north_star_propose", "north_star_decide")
SAVING = ("save_view", "remove_view")
PAGES = ("changelist", "add", "history", "delete", "change")  # of a model in the admin
SHOWN, READ = ("event", "run", "rule", "verdict"), ("changelist", "change")  # of what nobody edits
FLEETS = (Decision, Escalation, Heartbeat, Proposal, Repeat, Signal)  # the same
AXES = ("axes_accessattempt", "axes_accesslog", "axes_accessfailurelog")

# Of every page: the first role, in the order above, that it answers; "-": it answers none.
OPENS = {
    **dict.fromkeys(("login", "healthz", "readyz", "favicon.ico"), "anonymous"),
    **dict.fromkeys(("openapi", "unknown_verb"), "anonymous"),
    **dict.fromkeys((*READING, *PRINTED, *SAVING), "viewer"),
    **dict.fromkeys((*CHANGING, *DECIDING), "operator"),
    "logout": "nobody",
    "metrics": "-",  # no account; `tests/test_metrics.py` has for whom it opens
    "admin:logout": "nobody",  # stock: whom it lets not in is led to the door
    "admin:login": "staff",  # who is not logged in is sent to the site's own
    "admin:autocomplete": "-",  # no field of ours uses it
    **dict.fromkeys(("admin:index", "admin:app_list", "admin/(?P<url>.*)$"), "staff"),
    **dict.fromkeys(("admin:password_change", "admin:password_change_done"), "staff"),
    **dict.fromkeys(("admin:jsi18n", "admin:view_on_site"), "staff"),
    **{f"admin:backlog_card_{page}": "staff" for page in PAGES},
    **{f"admin:fleet_worker_{page}": "staff" for page in PAGES},
    **{f"admin:remote_token_{page}": "staff" for page in PAGES},
    "admin:remote_token_delete": "-",
    **{f"admin:backlog_{model}_{page}": "staff" for model in SHOWN for page in READ},
    **{
        f"admin:fleet_{model._meta.model_name}_{page}": "staff" for model in FLEETS for page in READ
    },
    **{
        f"admin:{model}_{page}": "superuser"
        for model in ("auth_user", "auth_group", *AXES)
        for page in PAGES
    },
    "admin:auth_user_password_change": "superuser",
    **{f"admin:{model}_add": "-" for model in AXES},
}
POSTED = {
    *(*DECIDING, *SAVING, "act_on_escalation", "act", "sample", "logout", "admin:logout"),
    *("gate", "ungate", "budget", "unbudget", "repeat", "repeat_off"),
    *("pause", "resume", "limit", "unlimit"),
}


@pytest.fixture(autouse=True)
def card_a(store, transactional_db):
    return CardFactory(id="A")


@pytest.fixture
def as_role(client):
    """The client, logged in as the role: `as_role("viewer")`."""
    accounts = {}

    def as_role(role: str):
        if role == "anonymous":
            client.logout()
            return client
        if role not in accounts:
            accounts[role] = AccountFactory(**({} if role == "nobody" else {role: True}))
        if client.session.get(SESSION_KEY) != str(accounts[role].pk):  # a page may end it
            client.force_login(accounts[role])
        return client

    return as_role


@pytest.fixture
def ids():
    """An object of each model that the admin has, beside the card."""
    attempts = {model: model(username="x") for model in (AccessLog, AccessFailureLog)}
    attempts[AccessAttempt] = AccessAttempt(username="x", failures_since_start=1)
    for each in attempts.values():
        each.save()
    CardFactory(done=True)
    rules.limit(Card.objects.session(), "owner", "w", 1)
    Card.objects.verify("A", 1, True, "seen", "r")
    now = timezone.now()
    Decision.objects.create(card_id="A", verdict="held", reason="r", actor="w")
    Escalation.objects.create(reason="r", actor="w")
    Heartbeat.objects.create(name="gate", at=now)
    Proposal.objects.create(text="t", actor="w")
    Repeat.objects.create(card_id="A", series="A", line="0 9 * * 1", zone="UTC", next_at=now)
    Signal.objects.create(card_id="A", kind="defect", text="t", actor="w")
    return {
        "remote_token": tokens.create(Card.objects.session(), "w")[0].key,
        "fleet_worker": Worker.objects.create(name="w", roles=["code"]).pk,
        **{f"fleet_{each._meta.model_name}": _shown(each) for each in FLEETS},
        "backlog_card": "A",
        **{
            f"backlog_{each._meta.model_name}": _shown(each) for each in (Event, Run, Rule, Verdict)
        },
        "auth_user": AccountFactory().pk,
        "auth_group": Group.objects.get(name="viewer").pk,
        **{f"axes_{model._meta.model_name}": each.pk for model, each in attempts.items()},
    }


def _shown(model) -> str:
    return admin.site.get_model_admin(model).address(model.objects.first())


def _url(name: str, ids) -> str:
    model, _, page = name.removeprefix("admin:").rpartition("_")
    if name == "admin:auth_user_password_change":
        return reverse(name, args=[ids["auth_user"]])
    if model in ids and page in ("history", "delete", "change"):
        return reverse(name, args=[ids[model]])
    args = {
        "card": ["A"],
        "edit": ["A"],
        "phase": ["M1"],
        "worker": ["w"],
        "role": ["code"],
        **{page: ["A"] for page in PRINTED},
        "admin:app_list": ["backlog"],
        "admin:view_on_site": [1, 1],
    }
    unnamed = {"favicon.ico": "/favicon.ico", "admin/(?P<url>.*)$": "/admin/nowhere/"}
    return unnamed.get(name) or reverse(name, args=args.get(name))


def _let_in(answer) -> bool:
    to_login = answer.status_code == 302 and answer.url.startswith(("/login/", "/admin/login/"))
    return answer.status_code != 403 and not to_login


def _lets_in(client, name: str, ids) -> bool:
    url = _url(name, ids)
    return _let_in(client.post(url, {"action": "complete"}) if name in POSTED else client.get(url))


def _patterns(patterns, prefix=""):
    for each in patterns:
        if isinstance(each, URLPattern):
            yield f"{prefix}:{each.name}".lstrip(":") if each.name else f"{prefix}/{each.pattern}"
        elif isinstance(each, URLResolver):
            yield from _patterns(each.url_patterns, each.namespace or prefix)


def test_every_page_of_the_site_has_its_role_in_that_table():
    found = {name.lstrip("/") for name in _patterns(get_resolver().url_patterns)}
    old = {name for name in found if name.startswith("admin/<path:object_id>")}  # it redirects
    by_token = {name for name in found if name.startswith("api:")}  # tests/remote/test_tokens.py
    assert found - old - by_token == OPENS.keys()


@pytest.mark.parametrize("role", ROLES)
def test_a_page_answers_whom_it_should(as_role, ids, role):
    order = (*ROLES, "-")
    expected = {name: order.index(role) >= order.index(OPENS[name]) for name in OPENS}
    assert {name: _lets_in(as_role(role), name, ids) for name in OPENS} == expected


def test_a_public_board_is_open_for_reading_only(as_role, ids, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    pages = {name for name in OPENS if _lets_in(as_role("anonymous"), name, ids)}
    assert pages == {*READING} | {name for name, role in OPENS.items() if role == "anonymous"}


@pytest.mark.parametrize("role", ROLES)
def test_an_action_is_refused_to_whom_it_is_not_for_and_changes_nothing(as_role, card_a, role):
    allowed = {}
    for name in BUTTONS:
        data = {"action": name, "card": str(Seen.of(card_a)), "confirmed": "1", "priority": "5"}
        allowed[name] = _let_in(as_role(role).post(reverse("act"), data))
    least = {name: "staff" if name == "delete" else "operator" for name in BUTTONS}
    assert allowed == {name: ROLES.index(role) >= ROLES.index(least[name]) for name in BUTTONS}
    changed = [*Card.objects.values_list("updated_at", flat=True)] != [card_a.updated_at]
    assert changed == any(allowed.values())


@pytest.mark.parametrize("role", ["anonymous", "nobody", "viewer", "operator"])
def test_no_action_of_the_admin_is_open_to_less_than_staff(as_role, card_a, role):
    for name in (*BUTTONS, "delete_selected"):
        data = {"action": name, "_selected_action": ["A"], "post": "yes"}
        assert not _let_in(as_role(role).post(reverse("admin:backlog_card_changelist"), data))
    assert Card.objects.get().updated_at == card_a.updated_at


def test_a_staff_flag_without_permission_shows_no_cards(client):
    client.force_login(AccountFactory(is_staff=True))
    assert client.get(reverse("admin:backlog_card_changelist")).status_code == 403
    assert "Cards" not in client.get(reverse("admin:index")).text


def test_a_staff_flag_and_sight_of_cards_opens_them_for_reading(client):
    client.force_login(AccountFactory(viewer=True, is_staff=True))
    url = reverse("admin:backlog_card_change", args=["A"])
    assert (client.get(url).status_code, client.post(url, {"title": "x"}).status_code) == (200, 403)


def test_only_a_superuser_manages_accounts_whatever_else_was_granted(client):
    clerk = AccountFactory(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    client.force_login(clerk)
    url = reverse("admin:auth_user_change", args=[clerk.pk])
    assert client.post(url, {"username": "clerk", "is_superuser": "on"}).status_code == 403


def test_whom_it_is_not_for_is_worth_a_line_of_the_log_and_no_traceback(as_role, caplog):
    caplog.handler.setFormatter(Formatter())
    as_role("viewer").get(reverse("create"))
    assert caplog.text.splitlines() == ["Forbidden (Permission denied): /cards/new/"]
