//! What is left when no other rule fired: who refuses or speaks of our texts, and does not say that they are welcome.

use crate::domain::opt_out::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "en-contra-de-mensajes",
        means: "Has a word of refusal near one for our texts.",
        says: &[
            "no|ni|nunca|ya|quite|quiten|borre|borren|saque|saquen|dejen|deje|paren ... este|esta|aqueste ~ numero|telefono|celular|linea",
            "no|nunca|jamas|ni|basta|cancelar|rechazo|odio|detesto|harto|harta .. mensajes|textos|msjs|notificaciones",
            "@mensajes .. no son? ~ deseados|bienvenidos|solicitados|permitidos|gracias|quiero|deseo",
        ],
        unless: &[
            "no|ya ~ es|tengo|reconozco|conozco|tenia|sabia|se|era|esta|puedo|pude|sirve|funciona|recibo|contesto|uso|veo|vi ... este|esta",
            "no|ya ... este|esta ~ numero|telefono|celular ~ es|porque|pero|si",
            "ya ~ me|les|le|tengo|cambie|puede|pueden|guarde ... este|esta",
            "no ~ llame|llamen|marque|marquen ... sino|mejor|solo",
            "ni|no ~ otro ~ numero",
            "no|nunca|ni .. recibi|recibo|recibido|llego|llegan|llegaron|llegado|han|he|ha|tengo|hay|vi|veo|lei|leo|leer|puedo|pude|puede|abre|abrir|olvide|se|sabia|entiendo|entendi|contestar|conteste .. @mensajes|mensaje",
            "no deje|dejen|dejes|pare|paren|olvide|olviden de? ..",
            "no @mensajes .. llamadas|llame",
            "no|ni .. pero|solo|sino|mejor|mas|por|pues|gracias .. @mensajes|mensaje",
            "no llamen|llame|puedo|voy|estoy ..",
            "no text|texts",
            "no more|mas .. email|emails|calls|llamadas ..",
            "no me|nos ~ mandaron|mando|han|dieron|dijeron|llamaron|escribieron|avisaron|contestaron|enviaron|envio|ha ..",
            "basta un|con",
        ],
        example: "Mensajes no deseados",
    },
    Rule {
        name: "habla-de-mensajes",
        means: "Speaks of our texts and says nothing that shows that they are welcome: somebody should look.",
        says: &["mensajes|textos|recordatorios|notificaciones|avisos|mensajitos"],
        unless: &[
            "gracias|encantan|gusta|gustan|agradezco|quiero|prefiero|quisiera|necesito|si|sirven|ayudan|mejor ... @avisos",
            "@avisos ... gracias|ayudan|sirven|utiles|bien|bueno|buenos|perfecto|ayuda|mejor|favor",
            "recibi|recibo|recibir|recibido|recibiendo|llegan|llegaron|llego|llegado|llegando|vi|veo|leer|lei|perdi|tengo|hay|tuve|borre|deje|dejado|dejo|encuentro ... @avisos",
            "@avisos ... llegan|llegaron|llego|tarde|temprano|manana|noche|ingles|espanol|dos|doble|cita|son|es|dicen|dice|salen|entran|estan|van|dobles|repetidos",
            "mande|manden|mandeme|mandenme|mandan|mandar|envie|enviar|envieme|enviame|siga|sigan|empiecen|poner|ponga|apunte|inscribir|dejen|dejar|deje|puede|pueden|podria|como|cuando|donde|que|cuantos|cual|a|por|para ... @avisos",
            "mis|perdon|disculpe|disculpa|otros|esos|voz|correo|app|aplicacion|escuela|banco|seguro|unos|unas|varios ... @avisos",
            "@avisos ~ de ~ voz|texto|correo|whatsapp|mi|la|el",
        ],
        example: "Los mensajes que vayan a mi esposa",
    },
];
