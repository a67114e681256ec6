"""Large charts are drawn from their tables, and say their figures to whoever points or types."""

import re

import pytest
from playwright.sync_api import expect

from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

# How many points of a drawing have the colour of this mark of the legend.
PAINTED = """(figure, name) => {
  const drawn = figure.querySelector("canvas");
  const { width, height } = drawn;
  const copy = Object.assign(document.createElement("canvas"), { width, height }).getContext(
    "2d", { willReadFrequently: true });
  copy.drawImage(drawn, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const mark = getComputedStyle(figure.querySelector(`.legend .${name}`), "::before");
  const tone = mark.backgroundColor.match(/[0-9]+/g).map(Number);
  let painted = 0;
  for (let at = 0; at < data.length; at += 4)
    painted += tone.every((part, n) => part === data[at + n]);
  return painted;
}"""


@pytest.fixture
def charts(operator, complaints, live_server):
    """The fleet's page of the last hour, where nothing complains."""
    operator.goto(live_server.url + "/fleet/?span=1h")
    expect(operator.locator(".chart canvas")).to_have_count(2)
    return operator


def test_the_arrow_keys_go_through_a_chart_and_a_live_region_says_its_figures(charts):
    drawing = charts.locator("#chart-standing .drawing")
    drawing.press("ArrowLeft")
    said = drawing.get_by_role("status")
    expect(said).to_have_text(re.compile(": done 1, blocked 1, claimed 2, ready 3$"))
    expect(drawing.locator(".tip")).to_contain_text("ready 3claimed 2blocked 1done 1")
    drawing.press("Home")
    expect(said).to_have_text(re.compile(r":[0-9]{2}: done [01], "))


def test_the_pointer_is_told_the_figures_below_it(charts):
    drawing = charts.locator("#chart-happened .drawing")
    box = drawing.bounding_box()
    drawing.hover(position={"x": box["width"] / 2, "y": 80})
    expect(drawing.locator(".tip")).to_contain_text("created")
    charts.mouse.move(0, 0)
    expect(drawing.locator(".tip")).to_be_hidden()


def test_a_chart_goes_on_as_its_table_does(charts):
    figure = charts.locator("#chart-standing")
    before = figure.evaluate(PAINTED, "done")
    CardFactory.create_batch(3, done=True)
    figure.locator("summary").click()
    expect(figure.locator("td").first).to_have_text("4")
    assert figure.evaluate(PAINTED, "done") > before > 0


def test_a_chart_takes_the_colours_of_the_theme_and_the_width_of_the_window(charts):
    figure = charts.locator("#chart-standing")
    charts.emulate_media(color_scheme="dark")
    charts.set_viewport_size({"width": 390, "height": 800})
    charts.wait_for_function("document.querySelector('.chart canvas').clientWidth < 390")
    assert figure.evaluate(PAINTED, "ready") > 0
    assert charts.evaluate("document.documentElement.scrollWidth") == 390


def test_without_javascript_a_chart_is_its_table(plain, live_server):
    plain.goto(live_server.url + "/fleet/")
    expect(plain.locator(".drawing").first).to_be_hidden()
    plain.locator("#chart-standing summary").click()
    expect(plain.locator("#chart-standing td").first).to_have_text("1")
