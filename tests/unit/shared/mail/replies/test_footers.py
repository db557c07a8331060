"""What the operator or a list puts below is cut where nothing else says that it is quoted."""

from __future__ import annotations

import pytest

from shared.mail.replies import reply_in_text

FOOTERS = (
    "Unsubscribe: https://shop.example/u/1",
    "Unsubscribe <https://shop.example/u/1>",
    "[Unsubscribe](https://shop.example/u/1)",
    "Unsubscribe: https://shop.example/u/1 | Privacy: https://shop.example/p",
    "Unsubscribe from this list: https://shop.example/u/1",
    "To unsubscribe click https://shop.example/u/1",
    "Newsletter abbestellen: https://shop.example/u/1",
    "Se désabonner : https://shop.example/u/1",
    "Pour vous désinscrire, suivez https://shop.example/u/1",
    "Darse de baja: https://shop.example/u/1",
    "Annulla iscrizione: https://shop.example/u/1",
    "Cancelar inscrição: https://shop.example/u/1",
    "Uitschrijven: https://shop.example/u/1",
    "Avregistrera: https://shop.example/u/1",
    "Meld deg av: https://shop.example/u/1",
    "Afmeld nyhedsbrev: https://shop.example/u/1",
    "Wypisz się: https://shop.example/u/1",
    "Отписаться: https://shop.example/u/1",
    "配信停止はこちら: https://shop.example/u/1",
    "退订：https://shop.example/u/1",
    "수신거부: https://shop.example/u/1",
)


@pytest.mark.parametrize("footer", FOOTERS)
def test_a_labelled_link_below_an_answer_is_a_footer(footer: str) -> None:
    assert reply_in_text(f"no thanks\n\n{footer}").text == "no thanks"


@pytest.mark.parametrize("footer", FOOTERS)
def test_so_it_is_below_a_quotation_that_left_it_unmarked(footer: str) -> None:
    assert reply_in_text(f"no thanks\n\n> Hello\n> Anna\n{footer}\n").text == "no thanks"


@pytest.mark.parametrize("footer", FOOTERS)
def test_a_labelled_link_that_is_all_there_is_stays(footer: str) -> None:
    assert reply_in_text(footer).text == footer
