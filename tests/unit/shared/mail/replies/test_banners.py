"""Banners that gateways put on top of a mail are not the person's words; sentences of theirs that sound alike are."""

from __future__ import annotations

import pytest

from shared.mail.replies import Outcome, reply_in_html, reply_in_text
from shared.mail.replies.reply import Reason

WORDS = "The brown ones."
BANNERS = (
    "[EXTERNAL]",
    "*** EXTERNAL EMAIL ***",
    "[EXT]",
    "EXTERNAL SENDER",
    "CAUTION: This email originated from outside of the organization. Do not click links.",
    "CAUTION: This email originated from outside\nof your organization. Exercise caution when opening\nattachments or clicking links.",
    "[EXTERNAL EMAIL] DO NOT CLICK links or attachments unless you recognize the external sender.",
    "You don't often get email from anna@reader.example. Learn why this is important",
    "ZjQcmQRYFpfptBannerStart\nThis Message Is From an External Sender\nReport Suspicious\nZjQcmQRYFpfptBannerEnd",
    "[Extern]",
    "ACHTUNG: Diese E-Mail kommt von außerhalb der Organisation. Klicken Sie nicht auf Links.",
    "[Externe]",
    "ATTENTION : Ce courriel provient de l'extérieur de l'entreprise. N'ouvrez pas les pièces jointes.",
    "PRECAUCIÓN: Este correo se originó fuera de la organización. No haga clic en enlaces.",
    "ATTENZIONE: Questa e-mail proviene dall'esterno dell'organizzazione. Non cliccare sui link.",
    "ATENÇÃO: Este e-mail foi enviado de fora da organização. Não clique em links.",
    "LET OP: deze e-mail komt van buiten de organisatie. Klik niet op links.",
    "VARNING: Detta mejl kommer utifrån. Klicka inte på länkar.",
    "ADVARSEL: Denne e-posten kommer utenfra. Ikke klikk på lenker.",
    "ADVARSEL: Denne e-mail kommer udefra. Klik ikke på links.",
    "UWAGA: Ta wiadomość pochodzi spoza organizacji. Nie klikaj linków.",
    "ВНИМАНИЕ: это письмо получено извне. Не переходите по ссылкам.",
    "注意：このメールは社外から送信されました。リンクを開かないでください。",
    "警告：此邮件来自外部。请勿点击链接。",
    "주의: 이 메일은 외부에서 발송되었습니다. 링크를 클릭하지 마세요.",
)


@pytest.mark.parametrize("banner", BANNERS)
def test_a_banner_on_top_is_cut(banner: str) -> None:
    reply = reply_in_text(f"{banner}\n\n{WORDS}")
    assert reply.text == WORDS
    assert reply.blocks[0].reason is Reason.BANNER


@pytest.mark.parametrize("banner", BANNERS)
def test_so_it_is_in_a_table_with_a_rule_below(banner: str) -> None:
    cell = banner.replace("\n", "<br>")
    assert reply_in_html(f"<table><tr><td>{cell}</td></tr></table><p>-----</p><p>{WORDS}</p>").text == WORDS


def test_a_banner_of_two_parts_is_cut_whole() -> None:
    assert reply_in_text(f"[EXTERNAL]\n\n{BANNERS[4]}\n\n{WORDS}").text == WORDS


def test_a_mail_that_holds_only_a_banner_is_empty() -> None:
    assert reply_in_text(f"{BANNERS[4]}\n").outcome is Outcome.EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "External",
        "External or internal boots, both will do.",
        "Caution is fine, but the boots stand outside the box.",
        "Attention: the address outside the village is wrong, and so is the link.",
        "This message is outside of the scope of my office, please unsubscribe me.",
        "This email came from outside our organisation, says my gateway. Is it you?",
        "Achtung: die Stiefel liegen außerhalb der Halle. Bitte vorsichtig öffnen.",
        "I got your mail with this on top:\n\n[EXTERNAL]\n\nCan that be helped?",
        "Yes.\n\nCAUTION: This email originated from outside of the organization, it said. I still opened it.",
    ],
)
def test_a_persons_sentence_with_such_words_stays(text: str) -> None:
    assert reply_in_text(text).text == text
