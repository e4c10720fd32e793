//! How patients say in Spanish that they would be reached in another way, or somebody else.

use crate::domain::opt_out::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "prefiere-llamadas",
        means: "Would have calls or emails and no texts.",
        says: &[
            "prefiero|preferimos|prefiere|preferiria|mejor ~ que ~ me? ~ @llamen % $|no|y|que|en|porque",
            "prefiero|preferimos|prefiere|preferiria|mejor|quiero ~ por|una|las|unas? @llamadas ~ telefonica|telefonicas? % $|no|y|que|en|a|porque",
            "solo|solamente|unicamente ~ por? @llamadas % $|no|por|y",
            "por|via|con @llamadas|telefono|correo ~ electronico? % nada|solo|solamente|unicamente|mejor % $|mas|no",
            "@llamen ~ por ~ telefono? % no|mejor|porque ~ @mensajes|textos|escriban|escriba|me|no|se",
            "mejor ~ @llamen|hableme|llamada|hablenme .. no|porque|y",
            "@llamadas ~ y? no ~ por? ~ @mensajes",
            "mejor ~ hableme|hablenme|llameme|llamenme|llamame|marqueme % $",
            "en vez|lugar de ~ @mensajes|textos|escribir|textear",
            "correo ~ electronico? ~ mejor|nada|solo ... @mensajes",
        ],
        unless: &[
            "no ~ me|nos ~ @llamen",
            "@llamen ~ .. despues|antes|cuando|si|para|a|en|manana|hoy",
            "mejor ~ llamen|llame|hable|hableme|llameme ~ despues|a|manana|en|cuando|para|antes",
            "no ~ @llamadas ..",
        ],
        example: "Prefiero que me llamen por teléfono y no por texto",
    },
    Rule {
        name: "no-puede-leer",
        means: "Says that texts do not reach or help them.",
        says: &[
            "@avisos .. no ~ los|las? ~ veo|leo|miro|reviso|abro|entiendo",
            "no entiendo|entendemos|se ~ de ~ @avisos",
            "no ~ tengo ~ para ~ pagar ~ @avisos",
            "viejo|vieja|viejito|viejita ~ para ~ @avisos|esto|estas",
            "no ~ se|sabe|sabemos|puedo|puede|podemos|entiendo|entiende|entendemos|aprendi ~ leer|usar|ver|abrir|manejar|textear|mandar|escribir ... @avisos|telefono|celular|mejor|llame|llamen|ingles",
            "no ~ se|sabe|sabemos ~ leer|textear ~ ni|y|mejor|llame|$",
            "@avisos .. no se|puedo|sabe|entiendo ~ leer|ver|leerlos|verlos|abrirlos|usar",
            "no entiendo|entendemos|entiende ~ telefono|celular|tecnologia ~ muy? ~ bien|mejor|llame|llamen|$|por",
            "nunca|no ~ los? leo|reviso|veo|miro|abro ~ @avisos|estos|esto % $|mejor|llame|asi",
            "no ~ los|las ~ leo|reviso|miro % $|mejor|nunca",
            "no ~ uso|utilizo|manejo ~ @mensajes|textos|celular|mensajeria",
            "telefono|celular ~ no ~ recibe|agarra|acepta|tiene|sirve|es ~ para? ~ @mensajes",
            "soy|estoy|es|esta ~ ciego|ciega ..",
            "es|este ~ un|el? ~ telefono ~ fijo|casa",
        ],
        unless: &[
            "no ~ puedo|pude|pudo|se ~ ver|abrir|leer|usar ~ link|enlace|portal|formulario|app|aplicacion|archivo|letra",
            "no ~ puedo|pude ~ contestar|ver|leer|abrir|escribir|mandar ~ mensaje|mensajes|texto|textos ~ ahora|ahorita|hoy|manejando|trabajo|estoy|en|del|de",
            "no leo bien sin",
            "no ~ leo|vi|lei|veo ~ mensaje|el",
            "no ~ puedo|se ~ escribir|usar|manejar ~ brazo|mano|baston",
        ],
        example: "No sé leer los mensajes",
    },
    Rule {
        name: "escriba-a-otro",
        means: "Asks us to text somebody else, or another phone, instead.",
        says: &[
            "@mandele ... a ~ @familia|@names ... a mi|nosotros ~ ya? no",
            "@mandele ... a ~ @familia|@names ... y? no ~ a ~ mi|nosotros|este",
            "@mandele ... a ~ @familia|@names|el|ella ~ mejor|ahora|instead % $|no|que|porque|y|en",
            "@mandele ... a ~ @familia|@names .. de|desde ahora en|adelante",
            "a mi|nosotros ya? no % $|me|nos",
            "no ~ a mi|nosotros|este % $",
            "hable|hablen|hablele|comuniquese|comuniquense|trate|traten|contacte|contacten ~ con|a|directamente ... @familia|@names|abogado .. .. no|ya|en",
            "use|usen|utilicen|marquen ~ otro ~ numero|telefono|celular",
            "use|usen|utilicen ~ numero|telefono|celular de ~ @familia",
        ],
        unless: &[
            "a mi|nosotros ya? no ~ me ~ duele|duelen|dieron|toca|llego|llegan|gusta|aviso|avisaron|funciona|sirve|sirven|queda|han|ha|cubre|interesa",
            "a mi no me ~ mandaron|mando|llego|ha|han",
            "@mandele .. .. factura|cuenta|formulario|receta|bill|papeles|expediente",
            "no ~ a ~ mi ~ @familia|casa|trabajo|correo",
        ],
        example: "Mándele los mensajes a mi hija, a mí no",
    },
];
