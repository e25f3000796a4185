"""Who may use a server."""

import json
import stat

import pytest

from homeostat.core import CorruptionError, InputError, NotFoundError, ServerError
from homeostat.sync import Accounts, User


@pytest.fixture
def accounts(tmp_path):
    return Accounts(tmp_path)


def test_a_token_is_known_again_and_stands_nowhere(accounts, tmp_path):
    token = accounts.add("ada", role="writer")
    assert accounts.authenticate(token) == User("ada", "writer")
    assert Accounts(tmp_path).authenticate(token) == User("ada", "writer")
    assert token[8:] not in accounts.path.read_text()
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    assert len(token) == 40
    assert token.isalnum()


@pytest.mark.parametrize("spoil", [lambda t: "", lambda t: t[:-1], lambda t: t + "0",
                                   lambda t: t[:8], lambda t: "x" + t[1:], lambda t: t.upper(),
                                   lambda t: "0" * 40, lambda t: "\ud800" + t])  # fmt: skip
def test_what_is_no_token_is_nobody(accounts, spoil):
    assert accounts.authenticate(spoil(accounts.add("ada", role="admin"))) is None


def test_two_users_may_have_the_same_role_but_not_the_same_salt(accounts):
    tokens = [accounts.add(name, role="viewer") for name in ("ada", "bo")]
    users = json.loads(accounts.path.read_text())["users"]
    assert users["ada"]["salt"] != users["bo"]["salt"]
    assert [accounts.authenticate(token).name for token in tokens] == ["ada", "bo"]
    assert accounts.users() == [User("ada", "viewer"), User("bo", "viewer")]


def test_a_rotated_token_replaces_the_old_one_in_a_server_that_runs(accounts, tmp_path):
    running = Accounts(tmp_path)
    old = accounts.add("ada", role="viewer")
    assert running.authenticate(old) == User("ada", "viewer")
    new = accounts.rotate("ada")
    assert running.authenticate(old) is None
    assert running.authenticate(new) == User("ada", "viewer")


def test_a_revoked_token_is_worth_nothing_and_the_server_stays_shut(accounts):
    token = accounts.add("ada", role="admin")
    accounts.revoke("ada")
    assert accounts.authenticate(token) is None
    assert accounts.authenticate("") is None
    assert bool(accounts)
    assert accounts.authenticate(accounts.rotate("ada")) == User("ada", "admin")


def test_a_role_can_be_changed(accounts):
    token = accounts.add("ada", role="viewer")
    accounts.change("ada", role="admin")
    assert accounts.authenticate(token).may("admin")


def test_the_last_account_cannot_be_removed(accounts):
    accounts.add("ada", role="admin")
    token = accounts.add("bo", role="viewer")
    accounts.remove("bo")
    assert accounts.authenticate(token) is None
    with pytest.raises(InputError, match="last account"):
        accounts.remove("ada")


def test_mistakes_are_told_in_words(accounts):
    accounts.add("ada", role="admin")
    with pytest.raises(InputError, match="already"):
        accounts.add("ada", role="viewer")
    with pytest.raises(InputError, match="name has 1 to 64"):
        accounts.add("../ada", role="viewer")
    with pytest.raises(InputError, match="viewer"):
        accounts.add("bo", role="owner")
    with pytest.raises(NotFoundError, match="Did you mean `ada`"):
        accounts.rotate("adda")


def test_past_the_loopback_an_account_is_required(accounts):
    accounts.must_cover("127.0.0.1")
    accounts.must_cover("localhost")
    with pytest.raises(ServerError, match="server user add"):
        accounts.must_cover("0.0.0.0")
    accounts.add("ada", role="admin")
    accounts.must_cover("0.0.0.0")


@pytest.mark.parametrize("text", ["", "{}", '{"users": {"ada": {}}}', '{"users": []}', "nonsense",
                                  ('{"users": {"ada": {"role": "king", "made": "", "key": "", '
                                  '"salt": "", "hash": ""}}}')])  # fmt: skip
def test_a_file_that_cannot_be_understood_lets_nobody_in(accounts, text):
    token = accounts.add("ada", role="admin")
    accounts.path.write_text(text)
    with pytest.raises(CorruptionError, match="nobody gets in"):
        accounts.authenticate(token)


def test_a_file_that_vanishes_does_not_open_the_server(accounts):
    token = accounts.add("ada", role="admin")
    assert accounts.authenticate(token)
    accounts.path.unlink()
    with pytest.raises(CorruptionError, match="gone"):
        bool(accounts)
