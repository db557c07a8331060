"""Words of the banners that mail gateways put on top of mail from outside. Lower case, all languages together."""

from __future__ import annotations


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


# What stands in brackets, or alone in its line in capitals or with a sign of warning: `[EXTERNAL]`.
TAGS = frozenset(
    _phrases(
        "external | external email | external e-mail | external mail | external message | external sender | ext | ext mail | "
        "ext email | ext sender | outside email | external source | caution external | caution external email | caution: external | "
        "caution: external email | warning: external email | caution: external sender | email from external sender | "
        "extern | externe | externe e-mail | externe mail | externe email | externe nachricht | externer absender | "
        "expéditeur externe | courriel externe | message externe | email externe | mail externe | externo | correo externo | "
        "remitente externo | mensaje externo | esterno | mittente esterno | email esterna | e-mail esterna | mail esterna | "
        "messaggio esterno | externa | e-mail externo | email externo | remetente externo | mensagem externa | "
        "externe afzender | extern bericht | extern e-post | extern avsändare | ekstern | ekstern e-post | ekstern avsender | "
        "ekstern mail | ekstern e-mail | ekstern afsender | zewnętrzny | zewnętrzna | wiadomość zewnętrzna | "
        "nadawca zewnętrzny | внешнее | внешняя почта | внешнее письмо | внешний отправитель | 外部 | 社外 | 社外メール | "
        "外部メール | 外部送信者 | 外部邮件 | 外部郵件 | 外部发件人 | 外部寄件者 | 외부 | 외부메일 | 외부 메일 | 외부 발신자"
    )
)

# How a warning begins; a line may hold no more than that.
WARNINGS = _phrases(
    "caution | warning | attention | be careful | exercise caution | use caution | please exercise caution | be cautious | notice | alert | security notice | important | external | "
    "achtung | vorsicht | warnung | hinweis | sicherheitshinweis | avertissement | prudence | mise en garde | vigilance | "
    "atención | precaución | advertencia | aviso | cuidado | attenzione | avviso | avvertenza | atenção | advertência | "
    "let op | opgelet | waarschuwing | pas op | varning | obs | viktigt | advarsel | forsiktig | nb | merk | vær opmærksom | "
    "bemærk | uwaga | ostrzeżenie | внимание | осторожно | предупреждение | 注意 | 警告 | 提醒 | ご注意 | 【注意 | 주의 | 경고 | "
    "this email | this e-mail | this message | this mail | the sender of this | diese e-mail | diese mail | diese nachricht | "
    "ce courriel | ce message | cet e-mail | cet email | ce mail | este correo | este mensaje | este e-mail | esta mensagem | "
    "este email | questa e-mail | questa email | questo messaggio | questa mail | deze e-mail | deze mail | dit bericht | "
    "detta mejl | det här mejlet | detta e-post | det här meddelandet | detta meddelande | denne e-posten | denne meldingen | "
    "denne e-mail | denne mail | denne besked | ta wiadomość | ten e-mail | niniejsza wiadomość | это письмо | "
    "это сообщение | данное письмо | данное сообщение | このメール | 本メール | 此邮件 | 此郵件 | 本邮件 | 本郵件 | "
    "该邮件 | 該郵件 | 이 메일 | 이 이메일 | 본 메일"
)

# What they say of the sender.
OUTSIDE = _phrases(
    "outside of | unknown sender | unknown senders | senders you do not know | outside your | outside the | outside our | from outside | from an external | external sender | "
    "external source | external to | external email | external address | externen | externer absender | von extern | "
    "von außerhalb | außerhalb der | außerhalb des | außerhalb von | außerhalb unser | ausserhalb | de l'extérieur | "
    "de l’extérieur | extérieur à | externe à | expéditeur externe | en dehors de | hors de l | source externe | "
    "fuera de | de fuera | remitente externo | externo a | origen externo | del exterior | dall'esterno | dall’esterno | "
    "al di fuori | mittente esterno | esterna all | esterno all | esterna a | fora da | fora do | de fora | fora de | "
    "remetente externo | externo à | origem externa | van buiten | buiten de | buiten onze | buiten uw | externe afzender | "
    "externe bron | utifrån | utanför | extern avsändare | från en extern | utenfor | utenfra | ekstern avsender | "
    "fra en ekstern | udefra | uden for | udenfor | ekstern afsender | spoza | z zewnątrz | zewnętrznego | "
    "извне | внешнего | внешней | вне организации | за пределами | 社外 | 外部 | 組織外 | 组织外 | 組織外部 | 외부"
)

# What they advise, and what they speak of.
ADVICE = _phrases(
    "do not click | don't click | do not open | don't open | do not reply | clicking | attachment | link | recogni | "
    "verify | caution | careful | suspicious | phishing | trust | anhang | anhäng | klicken | öffnen | vorsicht | verdächtig | "
    "absender | pièces jointes | pièce jointe | cliquez | lien | ouvrez | prudence | vigilan | adjunto | enlace | haga clic | "
    "abra | allegat | collegament | cliccare | aprire | anexo | clique | bijlage | klik | bilag | bifog | länk | klicka | "
    "vedlegg | lenke | klikk | link | åbn | załącznik | klikaj | otwiera | odnośnik | вложени | ссылк | открыва | "
    "переход | 添付 | リンク | 開か | 附件 | 链接 | 連結 | 鏈接 | 点击 | 點擊 | 첨부 | 링크 | 클릭"
)

# What they call the mail and who sent it.
MAIL = _phrases(
    "mail | message | sender | nachricht | absender | courriel | expéditeur | correo | mensaje | remitente | messaggio | "
    "mittente | mensagem | bericht | afzender | mejl | e-post | meddelande | avsändare | melding | avsender | besked | afsender | "
    "wiadomość | nadawc | письм | сообщени | отправител | メール | 送信者 | 邮件 | 郵件 | 发件人 | 寄件者 | 메일 | 발신"
)

# Outlook's own, in full.
SURE = _phrases(
    "you don't often get email from | you don’t often get email from | some people who received this message don't often get email | "
    "some people who received this message don’t often get email | this message is from an external sender | "
    "sie erhalten nicht oft eine e-mail von | sie erhalten nicht häufig e-mails von | "
    "vous n'obtenez pas souvent d'e-mail | vous ne recevez pas souvent | vous n’obtenez pas souvent d’e-mail | "
    "no suele recibir correo | no recibe a menudo correo | non si ricevono spesso messaggi | non ricevi spesso messaggi | "
    "você não costuma receber | não recebe frequentemente | u ontvangt niet vaak | je ontvangt niet vaak | "
    "du får inte ofta | du får ikke ofte | du modtager ikke ofte | nie otrzymujesz często | "
    "вы нечасто получаете | 通常、このメールアドレスから | 您通常不会收到来自 | 您不常收到來自"
)

# The first person singular: banners have none, and people's sentences about them often do.
SPEAKERS = frozenset(
    _phrases(
        "i | i'm | i've | my | me | ich | mir | mich | mein | meine | je | j'ai | moi | mon | ma | yo | mi | mio | eu | meu | minha | "
        "ik | mijn | mij | jag | mig | min | jeg | ja | mnie | mój | я | мне | меня | мой | 私 | 我 | 저는"
    )
)
