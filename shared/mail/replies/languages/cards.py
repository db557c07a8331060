"""Words of contact cards, and words that tell that a line is none. Lower case, all languages together.

They need not be complete: a card that is not known stays in the reply, where it does no harm.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What stands before a number, and before other things to reach somebody by.
LABELS = _words(
    "tel phone ph mobil mobile mobiel mob fax telefon telefoon telephone tél téléphone teléfono telefono telefone cell cel "
    "celular móvil cellulare handy gsm puh puhelin office direct direkt direkte durchwahl büro kontor kom komórka тел "
    "телефон моб факс τηλ טל נייד هاتف جوال 电话 電話 手机 手機 传真 携帯 전화 휴대폰 đt m t p f d e w o"
)
LINK_LABELS = _words("email e-mail mail web site website skype whatsapp internet")

# Who is spoken to or of: cards have no such words, and people's sentences often do.
TALKING = frozenset(
    _words(
        "me my us our we you your please i'm i'll ich mich mir mein uns wir sie ihnen ihr bitte moi nous je vous votre svp mij "
        "mijn ik jij graag mig jag meg jeg yo mío nosotros usted favor io noi você eu mnie proszę меня мне мой нам вас прошу "
        "пожалуйста prosím mě minä kérem lütfen bana benim παρακαλώ אני אותי בבקשה أنا"
    )
)
TALKING_EAST = _words("请 請 我 您 你 ください 下さい お願い 주세요 저는")

# How words begin that ask to be taken off a list, and such words that are too short for that.
LEAVING = _words(
    "unsub remov delet cancel opt-out optout lösch entfern streich abmeld abbestell austrag supprim retir désinscr désabonn "
    "enlev effac borrar borre bórr elimin elimín quitar quiten quít sáqu saquen desuscr rimuov togli disiscr descadastr "
    "apag verwijder uitschrijv schrap avregistr avprenumer slett fjern avmeld afmeld poista peruut usuń usun wypis rezygn "
    "удал отпис исключ убер видал відпис odhlás odhlas smaž vymaž zruš törö leirat çıkar διαγρ σταματ lopett nechc escriba הסר הסיר احذف إلغاء hủy xóa"
)
# Words that begin like these and stand in cards.
NOT_LEAVING = frozenset(_words("retired retiree retirement retiré retraité"))
LEAVING_WORDS = frozenset(
    _words(
        "stop take more quit not never don't interested nicht kein keine keinen nein raus pas jamais nunca niet geen haal "
        "inte ikke slet bort nie не нет ne nem değil não nao älkää μην sil tirem non basta basti"
    )
)
LEAVING_EAST = _words("退订 退訂 取消 删除 刪除 移除 停止 解除 削除 삭제 취소 거부 그만 不要 やめて")

# Words of a name in small letters.
SMALL_IN_NAMES = frozenset(
    _words("de da do dos das du des di del della dalla la le van von der den ter ten te zu zur af av bin al el y e i")
)
# Titles, and words between the words of a name.
NOT_NAMES = frozenset(
    _words(
        "mr mrs ms miss dr dra prof sir herr frau hr fr mme m sr sra sig dott ing avv lic via the der die das and und et y e"
    )
)
COMPANY_FORMS = frozenset(
    _words(
        "ltd limited llc llp inc corp plc gmbh ag kg ohg ug e.v. bv b.v. nv n.v. ab oy oyj as a/s aps asa sa s.a. sas sarl srl "
        "s.r.l. spa s.p.a. sl s.l. lda ltda eirl s.r.o. a.s. kft zrt sp. ооо зао оао тов пп a.ş. şti. pty co n.a."
    )
)

# A bare answer, and what goes with it: no line of a card's.
ANSWERS = frozenset(
    _words(
        "yes yep yup ok okay sure fine agreed thanks thank ja jawohl gerne einverstanden danke oui d'accord merci sí claro vale "
        "gracias sì sim claro obrigado obrigada bedankt akkoord tack takk tak zgoda dzięki да спасибо так evet tamam kyllä igen ano"
    )
)
