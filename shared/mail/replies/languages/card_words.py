"""Words of longer contact cards: what companies have to say of themselves, opening hours, calls to visit or to book.

Lower case, all languages together. They need not be complete.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


# What law wants a company to put below its mails.
REGISTER = _phrases(
    "registered in | registered office | registered no | registered number | company no | company number | company reg | "
    "reg. no | registration no | vat no | vat reg | vat id | vat number | vat: | gst | abn | regulated by | authorised and regulated | "
    "limited liability | limited company | companies house | charity no | charity number | licence no | license no | "
    "handelsregister | amtsgericht | hrb | hra | ust-id | ust.-id | ustid | umsatzsteuer | steuernummer | steuer-nr | "
    "geschäftsführer | geschäftsführung | vorstand: | aufsichtsrat | sitz: | sitz der | registergericht | firmenbuch | fn | uid: | "
    "capital de | au capital | siret | siren | rcs | r.c.s | n° tva | tva intracom | siège social | naf | "
    "registro mercantil | inscrita en | domicilio social | c.i.f | cif | nif | n.i.f | capital social | sede legale | "
    "p. iva | p.iva | partita iva | c.f. | cap. soc | rea | reg. imprese | registro imprese | cnpj | nipc | crc | sede: | "
    "kvk | k.v.k | btw | ondernemingsnummer | rpr | org.nr | org nr | orgnr | org. nr | organisationsnummer | "
    "momsreg | f-skatt | styrets säte | foretaksregisteret | cvr | cvr-nr | cvr nr | nip | regon | krs | sąd rejonowy | "
    "kapitał zakładowy | огрн | инн | кпп | єдрпоу | ičo | dič | cégjegyzék | adószám | y-tunnus | 登記 | 法人番号 | "
    "統一編號 | 统一社会信用代码 | icp备 | 사업자등록번호 | 사업자번호 | bic | iban | swift"
)

SOCIAL = _phrases(
    "facebook | instagram | linkedin | twitter | youtube | tiktok | pinterest | mastodon | threads | telegram | whatsapp | "
    "vimeo | github | xing | bluesky | skype | wechat | line id | 微信 | 微博 | 公众号 | вконтакте | vk.com"
)

# How a card's line begins that calls to something, whoever reads it.
CALLS = _phrases(
    "book a | book your | schedule a | schedule time | rate our | rate my | rate us | how did we do | visit us | visit our | "
    "follow us | follow me | find us | like us | join us | see our | read our | download our | connect with | meet us | "
    "subscribe to our | leave a review | leave us a review | review us | get directions | view my | see my calendar | "
    "think before you print | before you print | before printing | please consider the | consider the environment | "
    "save paper | save a tree | do you really need to print | go green | opening hours | office hours | working hours | "
    "my working | my working days | hours: | meet with me | book time | book some time | book a slot | find a time | "
    "please note i do not work | please note i don't work | i do not work on | i don't work on | i work flexibly | "
    "i work part-time | i work part time | i am working flexibly | our opening | "
    "termin buchen | termin vereinbaren | jetzt termin | buchen sie | besuchen sie | folgen sie | folgt uns | bewerten sie | "
    "hier bewerten | bitte prüfen sie, ob diese | denken sie an die umwelt | bitte denken sie | muss diese | öffnungszeiten | "
    "bürozeiten | sprechzeiten | geschäftszeiten | servicezeiten | erreichbar | "
    "prendre rendez-vous | prenez rendez-vous | réserver un | suivez-nous | suivez nous | retrouvez-nous | visitez | "
    "donnez votre avis | notez | pensez à l'environnement | pensez à l’environnement | avant d'imprimer | "
    "avant d’imprimer | n'imprimez | merci de n'imprimer | horaires | ouvert | "
    "reserve una | reserva tu | agende una | agenda una | síguenos | síganos | siguenos | visítanos | visítenos | visite | "
    "visita nuestra | valore | valora | antes de imprimir | piense en el medio | horario | "
    "prenota | seguici | visita il | vieni a trovarci | prima di stampare | pensa all'ambiente | non stampare | orari | orario | "
    "agende | marque uma | siga-nos | visite-nos | avalie | antes de imprimir | pense no ambiente | "
    "maak een afspraak | plan een | volg ons | bezoek | beoordeel | openingstijden | denk aan het milieu | print deze | "
    "werkdagen | boka ett | boka tid | boka möte | följ oss | besök oss | öppettider | tänk på miljön | "
    "bestill | book et | book en | følg oss | besøk oss | åpningstider | tenk på miljøet | følg os | besøg os | "
    "åbningstider | tænk på miljøet | umów spotkanie | odwiedź | śledź nas | obserwuj nas | oceń | godziny otwarcia | "
    "godziny pracy | zanim wydrukujesz | pomyśl o środowisku | запишитесь | подписывайтесь | мы в | часы работы | "
    "режим работы | оцените | подумайте об | 営業時間 | 定休日 | 受付時間 | 营业时间 | 營業時間 | 工作时间 | 영업시간 | 업무시간"
)
# What such a line has in it wherever it begins.
PRINTING = _phrases(
    "print this | printing this | ausdruck | ausgedruckt | ausdrucken | imprimer ce | imprimer cet | imprimer ce | imprimir este | "
    "stampare questa | stampare questo | afdrukken | skriva ut | skriver ut | udskriv | drukowa | wydrukuj | распечат | 印刷する前"
)

# The days of opening hours, in full and short.
DAYS = frozenset(
    _words(
        "mondays tuesdays wednesdays thursdays fridays saturdays sundays mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday mo di mi do fr sa so "
        "mo-fr mo–fr mo-do mon-fri mon–fri montag dienstag mittwoch donnerstag freitag samstag lun mar mer jeu ven sam lun-ven lundi mardi "
        "mercredi jeudi vendredi samedi lunes martes miércoles jueves viernes sábado lunedì martedì mercoledì giovedì venerdì "
        "sabato lun-vie seg-sex seg ter qua qui sex segunda terça quarta quinta sexta ma wo vr za ma-vr maandag dinsdag woensdag donderdag "
        "vrijdag mån tis ons tors fre lör mån-fre mandag tirsdag onsdag torsdag fredag lørdag man-fre pn wt śr czw pt pn-pt "
        "poniedziałek wtorek środa czwartek piątek пн вт ср чт пт сб пн-пт"
    )
)

# Who is spoken to: whoever has such a word in a line below a card asks or tells the reader something.
READER = frozenset(
    _words(
        "you your you're yours you'll please kindly let's me i'm i'll i'd i've my thanks thank hi hello dear sie ihnen ihr ihre ihren euch "
        "bitte danke ich mir mich mein meine dir dich dein vous votre vos merci svp je j'ai moi mes ton usted ustedes su sus "
        "gracias yo mi mis tú por favor grazie io mio mia voi prego você obrigado obrigada eu meu minha u uw je "
        "jij jullie graag ik mij mijn bedankt dig ert tack jag mig min mitt deg dere takk jeg meg tak proszę "
        "dziękuję mnie mój moje ja pan pani вы вас вам ваш ваши я мне мой спасибо пожалуйста прошу"
    )
)
READER_EAST = (
    "请",
    "請",
    "您",
    "你",
    "我",
    "ください",
    "下さい",
    "お願い",
    "ですか",
    "ましょう",
    "주세요",
    "저는",
    "바랍니다",
    "감사",
)

# Words of a refusal, and of what is refused: a line that has one and no mark of a card is the person's, whatever it means.
REFUSING = frozenset(
    _words(
        "no non não nao ne pas plus sin without none nothing enough leave longer further again kein keinerlei weder mehr nichts nichtmehr "
        "geen niets inga ingen ingenting inget fler flere flera ikkje aldrig aldri nej nei nie bez więcej dość нет без больше хватит "
        "mail mails e-mail e-mails email emails newsletter newsletters spam message messages correo correos mensajes courriel "
        "courriels nachrichten messaggi mensagens berichten mejl mejlen utskick maile maili mailów wiadomości письма писем "
        "рассылка рассылки рассылку quero quiero voglio veux will möchte wil vill vil chcę хочу"
    )
)
REFUSING_EAST = (
    "不",
    "勿",
    "别",
    "別",
    "邮件",
    "郵件",
    "メール",
    "ない",
    "ません",
    "그만",
    "메일",
    "이메일",
    "않",
    "안 ",
)
