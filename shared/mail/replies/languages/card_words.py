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
# The same, where a link is all that follows: "Meet with me: https://…".
LINKED_CALLS = _phrases(
    "meet with | meet me | book me | book time | book some time | schedule with | chat with | talk to | let's talk | let's meet | "
    "let's connect | find time | pick a time | grab a | my calendar | my booking | my linkedin | my website | my blog | my profile | "
    "our website | our shop | our blog | our terms | connect | mein kalender | meine termine | mein profil | unser shop | unsere website | "
    "unsere agb | mon agenda | mon site | mon profil | notre site | mi agenda | mi calendario | nuestra web | il mio calendario | "
    "il nostro sito | minha agenda | nosso site | mijn agenda | onze website | min kalender | mitt profil | vår webbplats | "
    "mój kalendarz | nasza strona | наш сайт"
)
# What such a line has in it wherever it begins.
PRINTING = _phrases(
    "print this | printing this | ausdruck | ausgedruckt | ausdrucken | imprimer ce | imprimer cet | imprimer ce | imprimir este | "
    "stampare questa | stampare questo | afdrukken | skriva ut | skriver ut | udskriv | drukowa | wydrukuj | распечат | 印刷する前"
)

# The days of opening hours, in full and short.
DAYS = frozenset(
    _words(
        "tir lør søn mondays tuesdays wednesdays thursdays fridays saturdays sundays mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday mo di mi do fr sa so "
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

# What is refused, so no refusal by itself.
TOPICS = (
    "mail",
    "e-mail",
    "email",
    "newsletter",
    "message",
    "spam",
    "corre",
    "mensa",
    "courriel",
    "nachricht",
    "messag",
    "bericht",
)

# Who says "we" in a sentence below a card speaks for themselves, as a rule.
WE = frozenset(_words("we we'd we've we'll we're wir nous nosotros nosotras noi nós wij vi мы ми biz"))

# With which word a sentence begins that asks for something.
ASKING_TO = frozenset(
    _words(
        "send resend ship call ring phone put take change update correct add book hold keep reserve forward pass tell ask let give "
        "charge refund replace exchange write address answer reply confirm check deliver return set move switch close block drop "
        "use could can would "
        "senden sende schicken schickt schick nehmen nehmt nimm ändern ändert rufen ruft geben gebt stellen tragen tragt liefern "
        "liefert legen legt reservieren reserviert bestätigen schreiben schreibt melden "
        "envoyez renvoyez mettez changez appelez rappelez prenez donnez confirmez livrez gardez ajoutez corrigez faites veuillez "
        "envíen envíe envíenme manden mande mándenme pongan ponga cambien cambie llamen llame confirmen confirme "
        "inviate invia mandate manda mettete cambiate chiamate confermate conferma spedite "
        "enviem envie mandem mudem troquem troque liguem ligue confirmem "
        "stuur stuurt bel belt zet wijzig neem bevestig verander "
        "skicka ändra byt lägg ta bekräfta sänd endre bytt legg bekreft skift "
        "wyślij wyślijcie przyślij przyślijcie zmień zmieńcie zadzwoń zadzwońcie potwierdź "
        "пришлите отправьте измените позвоните подтвердите перезвоните"
    )
)

# Of days and of what has come or not: an advertisement speaks of no yesterday.
NOWADAYS = frozenset(
    _words(
        "today tomorrow yesterday tonight already yet still gestern heute morgen bereits schon aujourd'hui demain déjà "
        "ayer hoy mañana ya ieri oggi domani già ontem hoje amanhã já gisteren vandaag igår idag imorgon redan "
        "allerede wczoraj dziś dzisiaj jutro już вчера сегодня завтра уже"
    )
)

# Verbs that a job's title lacks.
FINITE = frozenset(
    _words(
        "is are was were has have had does did do can could would will works worked came comes arrived ist sind war waren hat haben "
        "kann wird passt geht fehlt kam est sont était ont avait fait está están son tiene è sono hanno são está tem zijn heeft "
        "hebben kan är har var kommer er jest są ma był"
    )
)

# Words in small letters between those of a title or a company's name, besides those of names.
SMALL_IN_TITLES = frozenset(_words("of and for the in at und für et pour à para per och og en voor i w na и по &"))

# The last word before the colon with which a notice begins.
NOTICE_LABELS = frozenset(_words("notice disclaimer hinweis avis aviso avviso observera merk uwaga"))

# Whoever says such a word in a notice's words is a person.
PERSONAL = frozenset(
    _words(
        "i'm i'd i've i'll me my mine list ich mich mir mein meine je moi mon yo mi io mio eu meu ik mij mijn jag mig jeg meg"
    )
)
# How a person's request begins, where a notice tells first what it is about.
REQUESTS = _phrases("please | kindly | bitte | merci de | por favor | per favore | graag | proszę | пожалуйста")

# What notices, too, ask for: to destroy what came to the wrong person.
DESTROYING = tuple(
    _words(
        "delet lösch supprim elimin borr apag slet verwijder usuń удал smaž radera cancel effac poista törö vymaž 删除 刪除 削除 삭제"
    )
)

# Small words between two sentences of which the second may ask for something.
LINKING = frozenset(
    _words("and also then but so und auch dann aber et aussi mais y también pero e anche ma en ook maar och men og")
)
