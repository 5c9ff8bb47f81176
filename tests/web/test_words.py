"""What the pages say in words: commits whole, reasons as one sentence, nothing about nothing."""

import re

from tests.process.service import ROOT
from tests.web.api import Api

SHA = "0123456789abcdef0123456789abcdef01234567"


def show(api: Api, path: str) -> str:
    answer = api.get(path, accept="text/html")
    assert answer.status == 200
    return answer.response.text


def test_a_commit_that_is_cut_is_whole_in_its_title_and_whole_on_the_servers_page(api: Api) -> None:
    api.pipeline(status="failed", commit_sha="1" * 40, pipeline_url="https://ci.example/1")
    api.pipeline(status="failed", commit_sha=SHA, pipeline_url="https://ci.example/1")
    cut = f'<code title="{SHA}">{SHA[:12]}</code>'
    assert cut in show(api, "/")
    assert cut in show(api, "/problems")
    page = show(api, "/servers/web/web-01")
    assert f'<code class="sha">{SHA}</code>' in page
    assert f'title="{SHA}">commit 111111111111 → {SHA[:12]}' in page
    api.pipeline(host="web-02", commit_sha="abc1234")
    assert "<code>abc1234</code>" in show(api, "/")


def test_a_reason_is_one_sentence_with_its_time_and_only_its_head_is_bold(api: Api) -> None:
    api.cron(changed_files=["/etc/a"])
    words = '<strong><span class="status out_of_sync">Out of sync</span></strong>: 1 file not as in git, since <time'
    assert words in show(api, "/problems")


def test_a_message_is_shown_once_where_it_is_a_reason_and_with_the_validation_where_it_is_none(api: Api) -> None:
    api.pipeline(status="failed", validation_status="failed", validation_message="line 3")
    assert show(api, "/servers/web/web-01").count("line 3") == 1
    api.pipeline(validation_status="passed", validation_message="all 12 files parse")
    api.cron(changed_files=["/etc/a"])
    assert show(api, "/servers/web/web-01").count("all 12 files parse") == 1


def test_the_page_of_problems_has_no_headline_about_nothing(api: Api) -> None:
    heading = re.compile("<h1>(.*?)</h1>")
    assert heading.findall(show(api, "/problems")) == ["No server has reported yet"]
    api.cron()
    assert heading.findall(show(api, "/problems?host=nobody")) == ["No server matches"]
    assert heading.findall(show(api, "/problems")) == ["No server with a problem"]


def test_each_box_that_may_scroll_is_reached_by_the_keyboard_and_has_a_name() -> None:
    boxes = [
        box
        for template in (ROOT / "web/pages/templates").glob("*.html")
        for box in re.findall(r'<(?:pre|div class="wide")[^>]*>', template.read_text("utf-8"))
    ]
    assert len(boxes) >= 4
    for box in boxes:
        assert 'tabindex="0" role="group" aria-label="' in box, box
