"""What the fleet has to say on a card's own page."""

from typing import Final

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from backlog.models import Card
from backlog.web.access import CHANGE, may
from fleet.models import Decision, Escalation, Signal
from fleet.pages import rows
from fleet.verbs.repeats import of_card as of_series

# As many of each.
MOST: Final = 20

# One question for all of them: most cards have none.
_ANY: Final = """
SELECT EXISTS (SELECT FROM fleet_escalation WHERE card_id = %s)
    OR EXISTS (SELECT FROM fleet_decision WHERE card_id = %s)
    OR EXISTS (SELECT FROM fleet_signal WHERE card_id = %s)
    OR EXISTS (SELECT FROM fleet_repeat WHERE %s IN (card_id, series))
    OR EXISTS (SELECT FROM backlog WHERE id = %s AND idempotency_key = 'repeat ' || %s)"""


def of_card(request: HttpRequest, card_id: str) -> SafeString:
    """The series that it is of, and the newest escalations, decisions and signals about it; nothing
    without any."""
    session = Card.objects.session()
    if not session.rows(_ANY, [card_id] * 6)[0][0]:
        return SafeString("")
    context = {
        "card_id": card_id,
        "repeated": of_series(session, card_id),
        "escalations": rows.escalations(Escalation.objects.filter(card_id=card_id), MOST),
        "decisions": rows.decisions(Decision.objects.filter(card_id=card_id), MOST),
        "signals": rows.signals(Signal.objects.filter(card_id=card_id), MOST),
        "most": MOST,
        "of_card": True,
        "may_change": may(request, CHANGE),
        "next": request.get_full_path(),
    }
    return render_to_string("fleet/of_card.html", context, request)
