"""French, Spanish, Italian, Portuguese, Romanian."""

from __future__ import annotations

from shared.mail.replies.languages.language import Language, language

ROMANCE: tuple[Language, ...] = (
    language(
        "fr",
        starts="le | on | en date du | il y a",
        verbs="a écrit | a ecrit | écrit | ont écrit | écrivait | a écrit ce qui suit | écrivit",
        sender="de | expéditeur | émetteur",
        date="envoyé | date | envoyé le | date d'envoi | envoyé à | date de",
        to="à | a | cc | pour | destinataire | destinataires | copie | importance | pièces jointes | copie à",
        subject="objet | sujet",
        original="message d'origine | message original | message d’origine | message initial | mail original | "
        "courriel original | e-mail d'origine | mail d'origine | rendez-vous d'origine",
        forwarded="message transféré | message transmis | début du message réexpédié | début du message transféré | "
        "message réexpédié | courriel transféré | mail transféré | faire suivre | e-mail transféré",
        device="yahoo mail : recherchez, organisez, prenez le contrôle | yahoo mail: recherchez, organisez, prenez le contrôle | envoyé de mon * | envoyé depuis mon * | envoyé à partir de * | envoyé depuis * | "
        "envoyé à l'aide de * | envoyé de mon mobile * | télécharger outlook pour * | "
        "obtenez outlook pour * | envoyé par * | envoyé avec * | provenance : * | envoyé via * | envoyé d'*",
        notices="ce message | ce courriel | cet e-mail | cet email | ce mail | les informations contenues | "
        "le contenu de | avis de confidentialité | avertissement | sans virus | pensez à l'environnement | "
        "cette communication",
        private="confidentiel | confidentielles | confidentiels | destinataire | par erreur | "
        "strictement réservé | à l'attention exclusive | détruire | diffusion | non autorisée | virus | "
        "l'expéditeur | données personnelles | rgpd",
        sign_offs="cordialement | bien cordialement | bien à vous | cdlt | cdt | salutations | "
        "meilleures salutations | sincères salutations | très cordialement | merci | amicalement | "
        "bien amicalement | à bientôt | bonne journée | sincèrement | respectueusement | bien sincèrement",
        opt_out="se désinscrire | se désabonner | désinscription | désabonnement | me désinscrire | "
        "me désabonner | désabonnez-vous | désinscrivez-vous | pour vous désinscrire | "
        "pour vous désabonner | lien de désinscription",
        above="répondre au-dessus de cette ligne | au-dessus de cette ligne | écrire votre réponse au-dessus",
    ),
    language(
        "es",
        starts="el | on | en | con fecha",
        verbs="escribió | escribio | ha escrito | escribieron | escribiu | va escriure | escribía | escribe",
        sender="de | remitente | desde",
        date="enviado | fecha | enviado el | fecha de envío | enviada el | enviado a las",
        to="para | a | cc | destinatario | destinatarios | importancia | con copia | adjuntos",
        subject="asunto",
        original="mensaje original | mensaje de origen | correo original | mensaje anterior | cita original",
        forwarded="mensaje reenviado | mensaje remitido | inicio del mensaje reenviado | "
        "inicio del mensaje remitido | correo reenviado | forwarded message",
        device="yahoo mail: busca, organiza, conquista | enviado desde mi * | enviado desde * | enviado de mi * | enviado con * | obtener outlook para * | "
        "enviado a través de * | enviado por * | descargar outlook para * | mandado desde mi *",
        notices="aviso de privacidad | este mensaje | este correo | este e-mail | este email | la información contenida | "
        "el contenido de | aviso legal | aviso de confidencialidad | libre de virus | "
        "la presente comunicación | en cumplimiento | de conformidad con | antes de imprimir",
        private="confidencial | confidenciales | destinatario | por error | exclusivamente | divulgación | "
        "no autorizada | prohibida | protección de datos | sus datos | privacidad | responsable del tratamiento | notifíquelo",
        sign_offs="saludos | un saludo | saludos cordiales | atentamente | un cordial saludo | cordialmente | "
        "gracias | muchas gracias | atte | reciba un cordial saludo | "
        "abrazos | un abrazo | cordiales saludos | besos",
        opt_out="darse de baja | cancelar suscripción | darme de baja | cancelar la suscripción | baja | "
        "anular suscripción | para darse de baja | date de baja | desuscribirse | cancelar tu suscripción",
        above="responda por encima de esta línea | por encima de esta línea | encima de esta línea",
    ),
    language(
        "it",
        starts="il | in data | on | il giorno | nel",
        verbs="ha scritto | scrisse | scrive | hanno scritto | ha inviato | scriveva",
        sender="da | mittente",
        date="inviato | data | inviato il | data invio | spedito",
        to="a | cc | per | destinatario | destinatari | per conoscenza | priorità | allegati",
        subject="oggetto",
        original="messaggio originale | messaggio originario | messaggio di origine | messaggio iniziale | "
        "mail originale | email originale",
        forwarded="messaggio inoltrato | inizio messaggio inoltrato | messaggio inoltrato da | mail inoltrata",
        device="yahoo mail: cerca, organizza, conquista | inviato da * | inviato dal mio * | inviata da * | inviato con * | ottieni outlook per * | "
        "scarica outlook per * | inviato tramite * | inviato dall'* | spedito da *",
        notices="le informazioni contenute | questo messaggio | questa e-mail | questa email | "
        "il presente messaggio | la presente | il contenuto | avviso di riservatezza | "
        "mail priva di virus | ai sensi del | questo documento",
        private="riservate | riservato | confidenziali | confidenziale | destinatario | per errore | "
        "uso esclusivo | divulgazione | cancellarlo | trattamento dei dati | privacy | riservatezza",
        sign_offs="cordiali saluti | distinti saluti | saluti | cordialmente | un saluto | grazie | a presto | "
        "un cordiale saluto | i migliori saluti | cordialità | un abbraccio | "
        "ciao | buona giornata | con i migliori saluti | molti saluti",
        opt_out="cancella iscrizione | disiscriviti | annulla iscrizione | cancellati | annulla l'iscrizione | "
        "cancella l'iscrizione | per cancellarti | disiscrizione | cancellami",
        above="rispondi sopra questa riga | sopra questa riga | sopra questa linea",
    ),
    language(
        "pt",
        starts="em | no dia | on | a | na | no | às",
        verbs="escreveu | escreveram | escreve | escrevia",
        sender="de | remetente",
        date="enviado | data | enviada em | enviado em | enviada | enviado(a) | data de envio",
        to="para | cc | a | destinatário | destinatários | prioridade | anexos | assinado por",
        subject="assunto",
        original="mensagem original | mensagem de origem | mensagem anterior | e-mail original | email original",
        forwarded="mensagem encaminhada | mensagem reencaminhada | início da mensagem reencaminhada | "
        "início da mensagem encaminhada | forwarded message",
        device="yahoo mail: pesquise, organize, conquiste | enviado do meu * | enviado a partir do meu * | enviado via * | enviada do meu * | "
        "enviado de meu * | obter o outlook para * | enviado por * | enviado a partir de * | "
        "obtenha o outlook para * | enviado pelo * | baixe o outlook para * | enviado do *",
        notices="esta mensagem | este e-mail | este email | as informações contidas | o conteúdo | aviso legal | "
        "aviso de confidencialidade | livre de vírus | a informação contida",
        private="confidencial | confidenciais | destinatário | por engano | sigilo | divulgação | proibida | "
        "uso exclusivo | não autorizada | por erro",
        sign_offs="atenciosamente | cumprimentos | com os melhores cumprimentos | abraços | abraço | "
        "melhores cumprimentos | att | obrigado | obrigada | cordialmente | grato | "
        "um abraço | forte abraço | um forte abraço | saudações | os melhores cumprimentos",
        opt_out="cancelar inscrição | cancelar assinatura | descadastrar | remover inscrição | "
        "cancelar subscrição | cancelar a inscrição | descadastre-se | anular subscrição | "
        "cancelar a subscrição",
        above="responda acima desta linha | acima desta linha",
    ),
    language(
        "ro",
        starts="în | pe | la",
        verbs="a scris | au scris",
        sender="de la | expeditor",
        date="trimis | data | dată",
        to="către | catre | cc",
        subject="subiect",
        original="mesaj original | mesajul original",
        forwarded="mesaj redirecționat | mesaj retrimis",
        device="trimis de pe * | trimis din *",
        opt_out="dezabonare | dezabonează-te",
    ),
)
