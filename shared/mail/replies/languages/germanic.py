"""English, German, Dutch, Swedish, Norwegian, Danish."""

from __future__ import annotations

from shared.mail.replies.languages.language import Language, language

GERMANIC: tuple[Language, ...] = (
    language(
        "en",
        starts="on | at",
        verbs="wrote | writes | has written",
        sender="from | sender | reply-to",
        date="date | sent | date sent | sent at | sent on | when",
        to="to | cc | bcc | recipient | recipients | importance | attachments | priority | sensitivity",
        subject="subject",
        original="original message | original email | original e-mail | original mail | original appointment | "
        "reply message | reply to message | original text | previous message",
        forwarded="forwarded message | begin forwarded message | forwarded by | forwarded email | forwarded mail | "
        "start of forwarded message | message forwarded",
        device="sent from my * | sent from * | yahoo mail: search, organize, conquer | sent via * | "
        "sent on my * | get outlook for * | get * for ios | get * for android | sent by * mail | "
        "sent with * | sent using * | sent on the * network | sent from the all new * | sent through * | "
        "composed on my * | typed on my * | sent wirelessly * | sent mobile | download * for *",
        notices="this e-mail | this email | this message | this communication | the information in | "
        "the information contained | the contents of | the content of | confidential | confidentiality | "
        "disclaimer | privileged | important notice | notice: | legal notice | "
        "if you are not the intended | if you have received this | virus-free | "
        "please consider the environment | scanned by | this mail | this transmission | "
        "registered in england | consider the environment | think before you print | caution: this email | "
        "external email | email is not a secure | e-mail is not a secure | email is not secure | e-mail to and from | email to and from | e-mails to and from | emails to and from | "
        "under state law | under florida law | please note that under | e-mail sent to or from | emails sent to or from",
        private="confidential | privileged | intended recipient | intended solely | intended only | addressee | "
        "in error | disclaimer | unauthorized | unauthorised | virus | distribution | disclosure | "
        "notify the sender | delete it | delete this | legally protected | registered office | liability | "
        "freedom of information | public record | open records | public records | state law | third parties | may be disclosed | may be subject to",
        sign_offs="best regards | kind regards | regards | best | thanks | thank you | many thanks | sincerely | "
        "yours sincerely | cheers | warm regards | best wishes | yours | yours faithfully | "
        "thanks and regards | with kind regards | rgds | br | all the best | best regards and thanks | many thanks and best wishes | warmly | warmest regards | with best wishes | yours truly | respectfully | cordially | kindest regards",
        opt_out="unsubscribe | opt out | opt-out | manage preferences | manage your preferences | "
        "update your preferences | email preferences | manage subscription | manage your subscription | "
        "remove me from this list | to unsubscribe | click here to unsubscribe | unsubscribe here | "
        "to stop receiving these emails | view in browser | view online | privacy policy",
        above="type your reply above this line | reply above this line | write above this line | "
        "reply to this email above this line | add your reply above | your response above this line | "
        "reply above the line | please reply above | do not write below this line | "
        "reply anything above this line | respond above this line | reply above -",
    ),
    language(
        "de",
        starts="am | on | um",
        verbs="schrieb | schrieben | hat geschrieben | geschrieben | schreibt",
        sender="von | absender",
        date="gesendet | datum | gesendet am | verschickt | versendet",
        to="an | kopie | empfänger | cc | priorität | wichtigkeit | anlagen | antwort an",
        subject="betreff",
        original="ursprüngliche nachricht | originalnachricht | original-nachricht | original nachricht | "
        "ursprüngliche mail | urspr. nachricht | original-mail | ursprüngliche e-mail | "
        "ursprünglicher termin | antwort auf nachricht | originale nachricht",
        forwarded="weitergeleitete nachricht | anfang der weitergeleiteten nachricht | "
        "beginn der weitergeleiteten nachricht | weitergeleitet von | weitergeleitete e-mail | "
        "weitergeleitete mail",
        device="yahoo mail: suche, organisation, kontrolle | yahoo mail: suchen, organisieren, zurücklehnen | von meinem * gesendet | gesendet von meinem * | gesendet von * | von meiner * gesendet | "
        "gesendet mit * | von * gesendet | gesendet über * | holen sie sich * | "
        "outlook für * herunterladen | gesendet aus * | diese nachricht wurde von meinem * gesendet | "
        "mit * gesendet | von unterwegs gesendet | gesendet vom * | outlook für * beziehen",
        notices="diese e-mail | diese email | diese nachricht | diese mail | der inhalt dieser | dieses e-mail | "
        "die information in | die informationen in | wichtiger hinweis | vertraulichkeitshinweis | "
        "hinweis: | sollten sie nicht | wenn sie nicht der | virenfrei | bitte denken sie an die umwelt | "
        "disclaimer | rechtlicher hinweis",
        private="vertraulich | vertrauliche | empfänger | irrtümlich | adressat | unbefugt | vernichten | "
        "weitergabe | rechtlich geschützt | viren | löschen sie | nicht gestattet | geschäftsführer | "
        "handelsregister | amtsgericht | nicht der richtige | patientendaten | personenbezogene | informieren sie uns | "
        "informieren sie bitte",
        sign_offs="mit freundlichen grüßen | mit freundlichen grüssen | mit freundlichem gruß | freundliche grüße | "
        "viele grüße | beste grüße | liebe grüße | mfg | lg | vg | gruß | grüße | schöne grüße | "
        "herzliche grüße | mit besten grüßen | freundliche grüsse | beste grüsse | viele grüsse | mit freundlichem gruss | mit freundlichen grüssen | hochachtungsvoll | besten dank und gruß | danke und gruß | servus | schönen gruß | mit herzlichen grüßen | mit besten grüssen | herzlichst",
        opt_out="abmelden | abbestellen | newsletter abbestellen | newsletter abmelden | hier abmelden | "
        "austragen | vom newsletter abmelden | im browser ansehen | datenschutz",
        above="über dieser zeile antworten | antworten sie oberhalb dieser zeile | oberhalb dieser linie | "
        "über dieser linie | oberhalb dieser zeile",
    ),
    language(
        "nl",
        starts="op | on",
        verbs="schreef | heeft geschreven | geschreven | schreven | het volgende geschreven",
        sender="van | afzender",
        date="verzonden | datum | verstuurd | verzonden op",
        to="aan | cc | bijlagen | prioriteit | urgentie",
        subject="onderwerp",
        original="oorspronkelijk bericht | origineel bericht | oorspronkelijke bericht | originele bericht | "
        "oorspronkelijke mail | originele e-mail",
        forwarded="doorgestuurd bericht | begin doorgestuurd bericht | doorgestuurde bericht | doorgestuurde mail",
        device="verzonden vanaf mijn * | verstuurd vanaf mijn * | verzonden met * | verstuurd met * | "
        "verzonden via * | outlook voor * downloaden | download outlook voor * | verstuurd vanaf * | "
        "verzonden vanaf * | verzonden vanuit * | verstuurd via * | vanaf mijn * verstuurd",
        notices="dit bericht | deze e-mail | deze email | de informatie in | dit e-mailbericht | de inhoud van | "
        "disclaimer | virusvrij",
        private="vertrouwelijk | vertrouwelijke | geadresseerde | bestemd voor | ten onrechte | verspreiding | "
        "abusievelijk | onbedoeld | aansprakelijkheid | vernietigen",
        sign_offs="met vriendelijke groet | met vriendelijke groeten | vriendelijke groet | groeten | groet | mvg | "
        "hartelijke groet | vriendelijke groeten | hartelijke groeten | groetjes | hoogachtend",
        opt_out="afmelden | uitschrijven | afmelden voor de nieuwsbrief | klik hier om u uit te schrijven | "
        "uitschrijven nieuwsbrief",
        above="antwoord boven deze regel | boven deze lijn | boven deze regel",
    ),
    language(
        "sv",
        starts="den | på | on",
        verbs="skrev | har skrivit | skriver",
        sender="från | avsändare",
        date="skickat | datum | sänt",
        to="till | kopia | mottagare | prioritet | bilagor",
        subject="ämne",
        original="ursprungligt meddelande | originalmeddelande | ursprungligt mail | ursprungliga meddelandet",
        forwarded="vidarebefordrat meddelande | vidarebefordrat brev | vidarebefordrat mail",
        device="skickat från min * | skickat från mitt * | skickat från * | skickat via * | hämta outlook för * | "
        "skickat med * | sänt från min *",
        notices="detta meddelande | detta e-postmeddelande | detta mail | denna e-post | informationen i",
        private="konfidentiell | konfidentiellt | avsedd för | mottagaren | av misstag | sekretess",
        sign_offs="med vänlig hälsning | med vänliga hälsningar | vänliga hälsningar | mvh | hälsningar | vänligen | "
        "bästa hälsningar | hälsning | vänlig hälsning | varma hälsningar",
        opt_out="avregistrera | avprenumerera | avsluta prenumerationen | avanmäl",
        above="svara ovanför denna rad | ovanför den här raden",
    ),
    language(
        "no",
        starts="den | på",
        verbs="skrev | har skrevet | skriver",
        sender="fra | avsender",
        date="sendt | dato",
        to="til | kopi | mottaker | prioritet | vedlegg",
        subject="emne",
        original="opprinnelig melding | original melding | originalmelding | opprinnelig e-post | "
        "opprinnelig e-postmelding",
        forwarded="videresendt melding | videresendt e-post | begynnelsen av den videresendte meldingen | "
        "start på videresendt melding",
        device="sendt fra min * | sendt fra mitt * | sendt fra * | sendt via * | skaff deg outlook for * | "
        "last ned outlook for * | få outlook for *",
        notices="denne e-posten | denne meldingen | denne e-post | innholdet i",
        private="konfidensiell | fortrolig | ment for | mottakeren | ved en feil | taushetsplikt",
        sign_offs="med vennlig hilsen | vennlig hilsen | mvh | hilsen | med vennleg helsing | beste hilsen | hilsen fra | vennlige hilsener",
        opt_out="meld deg av | avmeld | meld av | avslutt abonnementet",
        above="over denne linjen",
    ),
    language(
        "da",
        starts="den | d. | på",
        verbs="skrev | har skrevet | skriver",
        sender="fra | afsender",
        date="sendt | dato",
        to="til | kopi | modtager | prioritet | vedhæftede filer",
        subject="emne",
        original="oprindelig meddelelse | original meddelelse | oprindelig besked | oprindelig mail | "
        "oprindelig e-mail | original besked",
        forwarded="videresendt meddelelse | videresendt besked | start på videresendt besked | "
        "start på videresendt meddelelse | videresendt mail",
        device="sendt fra min * | sendt fra mit * | hent outlook til * | sendt fra * | få outlook til * | sendt via *",
        notices="denne e-mail | denne mail | denne besked | denne meddelelse",
        private="fortrolig | fortrolige | tiltænkt | modtageren | ved en fejl | tavshedspligt",
        sign_offs="med venlig hilsen | venlig hilsen | mvh | hilsen | de bedste hilsner | venlige hilsner | bedste hilsner | kh | mange hilsner | med venlige hilsner",
        opt_out="afmeld | afmeld nyhedsbrev | frameld",
        above="over denne linje",
    ),
)
