"""Messages on their way: webhook, mail, Alertmanager, file, terminal; on the loopback only."""

import hashlib
import hmac
import io
import re
import socketserver
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from itertools import pairwise

import orjson
import pytest
from alerting import START, Collected, after, found, listening

from homeostat.alerts import (
    Alertmanager,
    Alerts,
    Apprise,
    Channel,
    DeliveryError,
    File,
    Message,
    Stdout,
    Webhook,
    channel_of,
    channels_of_environment,
)
from homeostat.core import InputError, MissingExtraError


def a_message(**more):
    facts = {"id": "k1", "kind": "firing", "severity": "page", "title": "[PAGE] it broke",
             "text": "It broke.\nOwner: ann", "at": START}  # fmt: skip
    return Message(**(facts | more))


def test_a_webhook_gets_json_the_key_and_a_signature():
    with listening(lambda _: (204, {})) as (url, requests):
        hook = Webhook(f"{url}/in?x=1", secret="s3", headers={"Authorization": "Bearer t"})
        hook.send(a_message())
    ((path, headers, body),) = requests
    assert path == "/in?x=1"
    assert orjson.loads(body) == orjson.loads(orjson.dumps(a_message().to_json()))
    assert headers["Idempotency-Key"] == "k1"
    assert headers["Authorization"] == "Bearer t"
    expected = hmac.new(b"s3", body, hashlib.sha256).hexdigest()
    assert headers["X-Homeostat-Signature"] == f"sha256={expected}"
    assert Message.from_json(orjson.loads(body)) == a_message()


@pytest.mark.parametrize(
    ("status", "headers", "refused", "after_s"),
    [
        (500, {}, False, None),
        (503, {"Retry-After": "120"}, False, 120.0),
        (429, {"Retry-After": "nonsense"}, False, None),
        (404, {}, True, None),
        (301, {"Location": "http://127.0.0.1:1/"}, True, None),
    ],
)
def test_what_a_server_answers_decides_how_it_is_tried_again(status, headers, refused, after_s):
    with (
        listening(lambda _: (status, headers)) as (url, requests),
        pytest.raises(DeliveryError, match=f"answered {status}") as caught,
    ):
        Webhook(f"{url}/secret-token").send(a_message())
    assert len(requests) == 1
    assert (caught.value.refused, caught.value.retry_after_s) == (refused, after_s)
    assert "secret-token" not in str(caught.value)


def test_a_server_that_is_not_there_is_a_sentence():
    with listening(lambda _: (200, {})) as (url, _):
        pass
    with pytest.raises(DeliveryError, match="did not answer: ConnectionRefusedError"):
        Webhook(url, timeout_s=2).send(a_message())


@pytest.mark.parametrize(
    "address", ["ftp://host/x", "https://", "https://ann:pw@host/", "https://host:port/", ""]
)
def test_an_address_that_is_none_is_refused_without_being_shown(address):
    with pytest.raises(InputError) as caught:
        Webhook(address)
    assert "pw" not in str(caught.value)


def test_a_header_cannot_smuggle_another():
    with pytest.raises(InputError, match="single lines"):
        Webhook("https://host/", headers={"X": "1\r\nY: 2"})


def test_a_file_gets_a_line_of_json_each(tmp_path):
    channel = File(tmp_path / "alerts.jsonl")
    for number in range(3):
        channel.send(a_message(id=str(number)))
    lines = (tmp_path / "alerts.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["id"] for line in lines] == ["0", "1", "2"]
    with pytest.raises(DeliveryError, match="cannot be written"):
        File(tmp_path / "none" / "x").send(a_message())


def test_the_terminal_gets_title_and_text(capsys):
    Stdout().send(a_message())
    assert capsys.readouterr().out.startswith("[PAGE] it broke\nIt broke.\n")
    closed = io.StringIO()
    closed.close()
    with pytest.raises(DeliveryError, match="terminal did not take"):
        Stdout(closed).send(a_message())


def test_a_test_message_goes_at_once(channel):
    alerts = Alerts(channels={"hook": channel}, system="delay")
    alerts.test("hook")
    assert channel.titles == ["[TEST] delay: a message through channel hook"]
    assert alerts.outbox == {}


def test_channels_come_from_addresses_and_from_the_environment(monkeypatch):
    assert isinstance(channel_of("stdout:"), Stdout)
    assert isinstance(channel_of("https://host/x"), Webhook)
    assert isinstance(channel_of("alertmanager+http://host:9093"), Alertmanager)
    monkeypatch.setenv("HOMEOSTAT_ALERTS", "log=file:///tmp/a%20b.jsonl pager=https://host/x?k=v")
    channels = channels_of_environment()
    assert repr(channels) == "{'log': File('/tmp/a b.jsonl'), 'pager': Webhook(host)}"
    monkeypatch.setenv("HOMEOSTAT_ALERTS", "https://host/secret")
    with pytest.raises(InputError, match="name=address") as caught:
        channels_of_environment()
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="address such as"):
        channel_of("nothing")


@pytest.mark.parametrize("channel", [Stdout(), File("x"), Webhook("https://host/")], ids=repr)
def test_every_channel_fits_the_protocol(channel):
    assert isinstance(channel, Channel)


# Mail, through Apprise, to a server of our own


@contextmanager
def mail_server():
    """A server that speaks enough SMTP; yields its port and the mails it took."""
    mails = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go\r\n")
                    mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield server.server_address[1], mails
        finally:
            server.shutdown()
            thread.join()


def test_mail_arrives_through_apprise():
    pytest.importorskip("apprise", reason="needs the extra `alerts`")
    with mail_server() as (port, mails):
        address = f"mailto://127.0.0.1:{port}?from=hs@example.com&to=ann@example.com&mode=insecure"
        channel = channel_of(address)
        alerts = Alerts(channels={"mail": channel}, system="delay")
        alerts.update(START, [found(summary="Temp is naïve.")])
        assert alerts.deliver().sent == 1
    (raw,) = mails
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["Subject"] == "[PAGE] delay: shift.feature on temp"
    assert "ann@example.com" in mail["To"]
    assert "Temp is naïve." in mail.get_body(("plain",)).get_content()


def test_mail_that_is_not_taken_waits_and_its_password_is_told_nowhere(caplog):
    pytest.importorskip("apprise", reason="needs the extra `alerts`")
    with mail_server() as (port, _):
        pass
    channel = channel_of(f"mailto://ann:hunter2@127.0.0.1:{port}?from=a@b.cc&mode=insecure")
    alerts = Alerts(channels={"mail": channel})
    alerts.update(START, [found()])
    assert alerts.deliver().waiting == 1
    (queued,) = alerts.outbox.values()
    assert "did not take the message" in queued.error
    assert "hunter2" not in queued.error + repr(channel) + caplog.text


def test_an_address_that_apprise_does_not_know_is_refused_without_being_shown():
    pytest.importorskip("apprise", reason="needs the extra `alerts`")
    with pytest.raises(InputError, match="'nonsense'") as caught:
        channel_of("nonsense://hunter2")
    assert "hunter2" not in str(caught.value)


def test_without_apprise_the_command_that_installs_it_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'homeostat\[alerts\]'"):
        Apprise("mailto://host")


# Alertmanager


RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def test_alertmanager_gets_alerts_as_prometheus_posts_them_and_again_while_they_fire(clock):
    with listening(lambda _: (200, {})) as (url, requests):
        alerts = Alerts(channels={"am": Alertmanager(url)}, system="delay", clock=clock)
        alerts.update(START, [found(), found("schema.type", "wind")])
        for minute in range(3):
            clock.sleep_until(after(minutes=minute))
            alerts.deliver()
        alerts.update(after(minutes=3), [found(verdict="ok")])
        clock.sleep_until(after(minutes=3))
        alerts.deliver()
    assert {path for path, *_ in requests} == {"/api/v2/alerts"}
    posts = [orjson.loads(body) for *_, body in requests]
    first = posts[0][0]
    assert first["labels"] == {
        "alertname": "failure", "check": "shift.feature", "subject": "temp", "system": "delay",
        "severity": "page",
    }  # fmt: skip
    assert first["annotations"]["summary"] == "temp is fail by shift.feature."
    assert first["generatorURL"].endswith("/alerts/1?system=delay")
    every = [alert for post in posts for alert in post]
    assert all(RFC3339.fullmatch(a[key]) for a in every for key in ("startsAt", "endsAt"))
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", k) for a in every for k in a["labels"])
    mine = [a for a in every if a["labels"]["subject"] == "temp"]
    *fires, over = mine
    assert len(fires) >= 3  # what is not posted again is taken for over
    for earlier, later in pairwise(fires[1:]):
        again = datetime.fromisoformat(later["endsAt"]) - timedelta(minutes=4)
        assert again < datetime.fromisoformat(earlier["endsAt"])
    assert datetime.fromisoformat(over["endsAt"]) == after(minutes=3)
    assert len({orjson.dumps(a["labels"]) for a in mine}) == 1
    wind = [p for p in posts if any(a["labels"]["subject"] == "wind" for a in p)]
    assert any(datetime.fromisoformat(wind[-1][i]["endsAt"]) > after(minutes=6)
               for i in range(len(wind[-1])))  # fmt: skip


def test_a_label_that_prometheus_could_not_take_is_renamed():
    from homeostat.alerts import alertmanager_json

    channel = Collected()
    alerts = Alerts(channels={"hook": channel})
    alerts.update(START, [found()])
    alert = alerts.alert(1).to_json() | {"labels": {"2nd tier-x": "a", "empty": ""}}
    (plain,) = alertmanager_json([alert], until=after(minutes=4))
    assert plain["labels"]["_2nd_tier_x"] == "a"
    assert "empty" not in plain["labels"]
    assert "system" not in plain["labels"]
