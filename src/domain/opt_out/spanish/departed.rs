//! How somebody says in Spanish that there is no patient any more: who died, who left.

use crate::domain::opt_out::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "fallecio",
        means: "Says that the patient died.",
        says: &[
            "@familia|@names|el|ella|senor|senora|paciente|don|dona ~ ya|se|nos|que|esta|ha? ~ fallecio|murio|fallecido|muerto|muerta|difunto|difunta|descansa|dejo",
            "fallecio|murio|fallecido ~ mi|el|la|nuestra|nuestro? ~ @familia|@names|paciente|senor|senora|don|dona",
            "ya fallecio|murio|descansa",
            "descansa|descanse ~ en? paz",
            "que en paz descanse",
            "perdimos|perdi ~ a ~ mi|nuestro|nuestra ~ @familia",
            "ya no ~ esta con|entre ~ nosotros",
            "ya no ~ esta ~ vivo|viva",
            "fallecio|murio hace|en|el|ayer|la",
        ],
        unless: &[
            "fallecio|murio .. .. .. corazon|cancer|derrame|anos|infarto|diabetes",
            "fallecio|murio|muerto|muerta|perdimos .. .. .. no ~ podre|voy|vamos|puedo|podemos|ire|iremos|podra",
            "fallecio|murio|muerto|muerta .. .. .. cancelar|cambiar|reprogramar|mover|faltar|cancelo|cancele",
            "cancelar|cambiar|reprogramar|cancele|cancelo .. .. .. fallecio|murio",
            "murio ~ carro|bateria|telefono|perro|gato|celular|perrito",
            "dejo ~ dicho|la|el|su|un|que|de|en|mi",
            "muerto|muerta ~ de|del",
        ],
        example: "La señora Rosa falleció en enero",
    },
    Rule {
        name: "ya-no-es-paciente",
        means: "Says that they are done with us, or go elsewhere.",
        says: &[
            "no voy ~ a ~ ir|volver|regresar ~ mas|$",
            "cambie|cambiamos|mude|mudamos|fui|fuimos ~ a|con|de|para ~ otra|otro? ~ estado|ciudad|clinica|terapeuta|pais",
            "no ~ soy|es|somos|somo ~ paciente|pacientes|cliente",
            "ya no ~ voy|vamos|va|asisto|ire|iremos|atiendo|atiende ~ a|con|para|mas|al|por? ~ esa|ahi|alla|alli|ustedes|clinica|terapia|terapias|lugar",
            "cambie|cambio|cambiamos|cambiaron ~ de|a|para ~ otra|otro? ~ clinica|terapeuta|doctor|lugar|consultorio|fisio|fisioterapeuta|centro",
            "tengo|voy|vamos|encontre|encontramos|fui|atiendo|estoy ~ ya|a|con|en|me? ~ otra|otro ~ clinica|terapeuta|lugar|consultorio|fisio|fisioterapeuta|centro|terapia % $|ahora|ya|y|asi|gracias",
            "no ~ necesito|necesitamos|ocupo|ocupamos|quiero ~ servicios|servicio",
            "termine|terminamos|termino|acabe|acabo|alta .. .. ~ @mensajes|avisen|manden|escriban",
            "deje|dejamos|dejo ~ de ir ~ a|con|ahi|alla ~ clinica|ustedes|ahi|alla|terapia|$",
        ],
        unless: &[
            "fui|voy|fuimos ~ a|con ~ otra|otro ~ clinica|lugar|centro ~ por|para|a",
            "quiero|puedo|quisiera|necesito|podria ~ cambiar|voy ..",
            "voy|fui ~ con|a ~ otro|otra ~ doctor ~ para|por",
            "no voy ~ a ~ poder|llegar|ir|tomar|necesitar|hacer|usar|estar|manejar|la|el|mi",
            "no soy ~ paciente ~ de ~ dr|dra|doctor|doctora",
            "no soy ~ paciente ~ nuevo|nueva|todavia|aun",
            "cambio|cambiaron ~ de|a ~ terapeuta|doctor ~ hoy|el|la|manana",
        ],
        example: "Ya me cambié de clínica",
    },
];
