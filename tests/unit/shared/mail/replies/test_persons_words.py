"""Texts that nobody quoted anything in, but that look a little as if: every word stays."""

from __future__ import annotations

import pytest

from shared.mail.replies import reply_in_html, reply_in_text

TEXTS = (
    "Hello,\n\nUnsubscribe me from https://shop.example",
    "Hello,\n\nunsubscribe my address: https://shop.example/u/k3f9",
    "Hello,\n\nUnsubscribe link https://shop.example/u/k3f9 is dead.",
    "Hello,\n\nunsubscribe https://shop.example/u/k3f9 gives an error",
    """Hi team,

on 3 November 2025 I wrote to support@shop.example and got this answer:
we are sorry.
I am not happy. Please unsubscribe me.""",
    """Hello,
Order number: 4711
Name: Anna Weber
E-mail: anna@reader.example
Date: 3 November 2025
Please cancel it.""",
    """I want to know:
1. price
2. delivery at 10:30 to anna@reader.example:
thanks""",
    """Bonjour,

De : Paris
À : Lyon
Date : 3 mai 2025

Je voudrais annuler ce billet.""",
    """Hallo,

am Montag schrieb mir Frau Meier:
das Paket kommt morgen.
Es kam nicht.""",
    """Am 03.11.2025 um 10:02 habe ich bei Ihnen bestellt, Nummer 4711.
Bitte stornieren Sie:
- Stiefel
- Socken""",
    """Le 3 novembre 2025 j'ai commandé une paire et voici ma question :
où est le colis ?""",
    """El 3 de noviembre compré unas botas. Mi correo es ana@reader.example:
quiero la baja.""",
    """-- please read this first --

I want out.""",
    """Dear all,

-----

One more thing: stop sending mail.

-----

Anna""",
    """Subject: complaint
To whom it may concern: your shop is bad.
From now on: no mails please.""",
    """Date: tomorrow works
From: 10 to 12
Please confirm""",
    """My details:
From: Anna Weber
To: Boot House
Subject: cancellation

Please cancel.""",
    """Thanks,
Anna

P.S. On Tuesday you wrote: we ship on Monday. Is that still so?""",
    """Sent from the warehouse in Leeds on Monday, not yet arrived.
Please check.""",
    """Get the boots ready for Saturday

I will come at ten.""",
    """This email address is confidential, please delete it from your list.

I never signed up.""",
    """Hello

Confidential: my number is 12345. If you are not the intended recipient please forward to him.

Anna""",
    """Best regards to your colleague,
Please ring me at +44 113 4960000
and unsubscribe anna@reader.example""",
    """Regards,
Anna
please unsubscribe""",
    """Thanks
Anna Weber
Please remove the following:
anna@reader.example
bert@reader.example""",
    """2025-11-03 10:02:11 ERROR anna@reader.example: cannot log in
2025-11-03 10:03:11 ERROR anna@reader.example: cannot log in
What does that mean?""",
    """A: yes
Q: no
An: apple
Do: this
Please unsubscribe""",
    """Hi
I replied above this line already. Stop it.""",
    """please reply above the line I drew
----
and unsubscribe me""",
    """I wrote:
please unsubscribe me
and you did nothing""",
    """Merci

Envoyé par ma femme hier, reçu ce matin.""",
    """Yes
_______________
No
Please unsubscribe""",
    """In reply to your mail from 3 November 2025 10:02:
I am not interested.""",
    """unsubscribe https://shop.example/u/k3f9 does not work""",
    """Unsubscribe link https://shop.example/u/k3f9 is dead.
Please do it by hand""",
    """to unsubscribe: https://shop.example/u/k3f9 gives 404""",
    """Hello,

please answer by telephone.

Thanks,
Ruth
Call me at 01539 555 019""",
    """Yes.

Ring the office on 01539 555 019 until Friday""",
    """Here is our new address:

Ruth Calloway
Calloway Outdoor
1 Dock Road
Tel 01539 555 019""",
    """Hello,

Ruth Calloway
Calloway Outdoor
01539 555 019""",
    """Best,
Ruth

Unsubscribe
ruth@calloway.example""",
    """Not for us.

Regards
Ruth Calloway
Remove from list
ruth@calloway.example""",
    """Nein.

Gruß
Ruth
Abmelden ruth@calloway.example""",
    """不需要。

谢谢
小明
请打电话给我 021-55550190""",
    """See you on Friday.

Ruth Calloway""",
    """These two want it as well

joan@calloway.example
paul@calloway.example
mary@calloway.example""",
    """Tools> Options
is where I looked.""",
)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.split("\n")[0][:40])
def test_a_persons_own_text_is_kept_whole(text: str) -> None:
    assert reply_in_text(text).text.split() == text.split()


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.split("\n")[0][:40])
def test_so_it_is_in_html(text: str) -> None:
    lines = "".join(f"<div>{line.replace('<', '&lt;')}</div>" for line in text.split("\n"))
    assert reply_in_html(lines).text.split() == text.split()


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.split("\n")[0][:40])
def test_so_it_is_above_a_quotation(text: str) -> None:
    quotation = "\n\nOn Mon, Nov 3, 2025 at 10:02 AM Boot House <news@shop.example> wrote:\n> Unsubscribe here\n"
    assert reply_in_text(text + quotation).text.split() == text.split()
