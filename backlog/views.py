"""The board: one plain page of lanes."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog.models import Card
from backlog.verbs.board import CELLS


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Lanes by phase, cells by state; what is done is only counted."""
    lanes = Card.objects.lanes()
    return render(request, "backlog/board.html", {"lanes": lanes, "cells": CELLS})
