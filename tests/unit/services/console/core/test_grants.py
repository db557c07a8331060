"""What an administrator pastes is what the clients ask for."""

from __future__ import annotations

from services.console.core.grants import GRANTS
from shared.domain.mailboxes import Capability
from shared.providers.gmail.auth import SCOPES


def test_the_scopes_to_paste_are_those_that_tokens_are_asked_for() -> None:
    wanted = {scopes for capability in Capability for scopes in SCOPES[capability]}
    pasted = {scope for grant in GRANTS if grant.provider == "google" for scope in grant.paste.split(",")}
    assert pasted == wanted


def test_a_scope_string_has_no_space_that_the_admin_console_would_refuse() -> None:
    assert all(" " not in grant.paste for grant in GRANTS if grant.provider == "google")
