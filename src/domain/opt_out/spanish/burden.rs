//! How patients say in Spanish that our texts are a burden: what they cost and disturb.

use crate::domain::opt_out::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "mensajes-molestan",
        means: "Says that our texts wake, bother or tire somebody, or are too many.",
        says: &[
            "hasta ~ el|la|los|las ~ gorro|coronilla|madre|narices|tope|cansancio ~ de|con ~ ... @mensajes|ustedes|$",
            "callense|callate|callese ~ ... @mensajes|$",
            "esto|es ~ es? ~ muy? ~ molesto|molestos|ilegal|acoso % $",
            "@mensajes ... me|nos|le|lo|la|les|se ~ @molestan",
            "@mensajes ~ @molestan ~ a ~ mi|me|nos|$|mucho|bebe|nino|@familia",
            "me|nos|le|lo|la ~ @molestan ... @mensajes",
            "tienen|estoy|estamos|ando|tan ~ bien|muy|tan|hasta? ~ @harto ~ con|de|$|ya|sus|tus",
            "@harto ~ de|con|por ... @mensajes",
            "me|nos|ya tienen ~ @harto|hasta",
            "que|ya|tanto ~ fastidio|lata|molestia|flojera|molesto|molestos|fastidiosos|pesados|latosos ~ con? ... @mensajes|ustedes",
            "son|mandan|envian|llegan|reciben|recibo|escriben ~ ya|me|nos|muchos|demasiados|tantos|muchisimos|bastantes ~ @mensajes",
            "me|nos ~ @molestan ~ con ~ tanto|tantos|sus|los",
            "que|tan|son ~ pesados|insistentes|fastidiosos|necios|latosos|molestos ~ son|ustedes|$|ya",
            "no sea|@names ~ tan? ~ molestos|pesados|necios|insistentes|molesto",
            "cuantas veces ... decir|digo|pedir|dicho|dije",
            "tanto|tantos|tantas|puro|puros ~ @mensajes|notificacion",
            "mandan|escriben|molestan|textean ~ mucho|demasiado|tanto|diario|cada",
            "ya estuvo ~ bueno|suave|bien? ~ con|de|$|no",
            "@mensajes ~ son? ~ molestos|fastidiosos|insoportables|pesados|acoso",
            "no ~ me ~ dejan ~ dormir|trabajar|descansar",
            "es|esto demasiado|mucho|acoso ~ @mensajes|$",
        ],
        unless: &[
            "@harto ~ de ~ esperar|caminar|estar|ir|usar|tanto ~ dolor?",
            "estoy|estamos|ando|tan|muy ~ bien? ~ @harto ~ de|con|por|del * % $|la|el|mi|esta|este",
            "perdon|disculpe|disculpen|perdone|lamento .. ..",
            "no ~ son|me|mandan|es|molestan|recibo|llegan ~ muchos|muchas|tantos|@molestan",
            "no ~ me|nos ~ @molestan|llegan|llego ..",
            "@harto ~ de|con|por ~ dolor|muletas|ejercicios|terapia|rodilla|espalda|pierna|faja|bota|todo",
            "tienen|estoy|estamos|ando ~ bien|muy|tan|hasta? ~ @harto ~ de|con|por|la|el .. dolor|muletas|rodilla|espalda|pierna|ejercicios|terapia|hombro|pie|trafico|calor|trabajo|caminar|hoy",
            "estoy|estamos|ando|esta|muy|tan|me|tiene ~ bien|muy|tan? ~ cansado|cansada|aburrido|aburrida|fastidiado ~ $|hoy|la|el|por|despues|y",
            "es demasiado|mucho ~ dolor|peso|para|tarde|temprano",
        ],
        example: "Sus mensajes me despiertan",
    },
    Rule {
        name: "mensajes-cuestan",
        means: "Says that our texts cost them money.",
        says: &[
            "cobran|cobra|cuesta|cuestan|pago|pagamos|descuentan|gastan ... cada|por ~ uno? ~ @mensajes|mensaje|texto",
            "cada ~ uno|mensaje|texto ~ de? ... cuesta|cobran|pago|sale|gasta",
            "@mensajes ... caros|caro|cuestan|cobran|cuesta|gastan|saldo|dinero",
            "no ~ tengo|incluye|tenemos|trae ~ plan ~ saldo|incluye? ~ de|para|ilimitado|ilimitados ~ @mensajes|$",
            "plan|saldo|prepago .. no .. @mensajes",
            "no ~ tengo ~ saldo|plan ~ para ~ @mensajes|$",
            "caros|caro|saldo .. ~ @mensajes",
        ],
        unless: &[
            "cuanto|cuantos ..",
            "cobran|cobra|cuesta ~ por|la|cada ~ cita|visita|sesion|terapia|consulta",
            "me|nos cobran ~ si|cuando|doble",
        ],
        example: "Me cobran por cada mensaje",
    },
];
