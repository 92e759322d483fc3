# ruff: noqa: E501 (tables of words)
"""Passages for the edits, since the data are mostly English: the same five subjects in English, German and Chinese.

Each passage states facts (names, years, numbers, a negation), as an answer to a question would.
"""

from __future__ import annotations

PASSAGES: dict[str, tuple[str, ...]] = {
    "en": (
        "The Danube rises in the Black Forest and flows through ten countries before it reaches the Black Sea. It is "
        "2850 kilometres long. Vienna, Budapest and Belgrade stand on its banks. Trade on the river has been important "
        "since Roman times. The water is not clean everywhere, because factories still release waste into it. Fishing "
        "remains popular along quiet stretches. A commission that was founded in 1948 watches over navigation. In "
        "summer many people travel by bicycle along the valley.",
        "Bread needs only flour, water, salt and time. Mix 500 grams of flour with 350 grams of water and let the dough "
        "rest for 30 minutes. Then add the salt and knead it gently. The dough should not be too warm, or it will rise "
        "too fast. Fold it several times during the first hours. Anna Weber, a baker from Hamburg, bakes it at 240 "
        "degrees. The crust should be dark and crisp. Let the loaf cool before you cut it.",
        "The library opened in 1927 and was designed by Paul Klein. It holds 120,000 books and is open on Monday and "
        "Friday. Children can borrow picture books without a fee. Food is not allowed in the reading rooms. The old "
        "catalogue is kept in wooden drawers. Visitors like the quiet garden behind the house. A new wing is planned "
        "and will cost three million euros. The town council must still agree to it.",
        "Solar panels turn light into current. A panel of two square metres yields about 400 watts in full sun. The "
        "output is lower when the sky is grey. Panels from China are cheap, and they are not worse than others. Most "
        "owners get their money back within twelve years. The roof should face the south. Birds and leaves can cover "
        "the glass. Cleaning it once a year is enough.",
        "The company was founded by Maria Lindt in Zurich in 1998. It employs 640 people and earns most of its money "
        "with software for hospitals. The owners do not want to sell it. Growth was slow at first. Customers praise the "
        "friendly support. In March 2015 it opened an office in Berlin. Sales rose by 12 percent last year. The "
        "managers expect that the market will become harder.",
    ),
    "de": (
        "Die Donau entspringt im Schwarzwald und fließt durch zehn Länder, bevor sie das Schwarze Meer erreicht. Sie ist "
        "2850 Kilometer lang. Wien, Budapest und Belgrad liegen an ihren Ufern. Der Handel auf dem Fluss ist seit der "
        "Römerzeit wichtig. Das Wasser ist nicht überall sauber, weil Fabriken noch immer Abfälle einleiten. An ruhigen "
        "Abschnitten wird gern geangelt. Eine Kommission, die 1948 gegründet wurde, wacht über die Schifffahrt. Im "
        "Sommer reisen viele Menschen mit dem Fahrrad durch das Tal.",
        "Brot braucht nur Mehl, Wasser, Salz und Zeit. Man mischt 500 Gramm Mehl mit 350 Gramm Wasser und lässt den Teig "
        "30 Minuten ruhen. Dann gibt man das Salz hinzu und knetet ihn vorsichtig. Der Teig sollte nicht zu warm sein, "
        "sonst geht er zu schnell auf. In den ersten Stunden wird er mehrmals gefaltet. Anna Weber, eine Bäckerin aus "
        "Hamburg, backt ihn bei 240 Grad. Die Kruste sollte dunkel und knusprig sein. Das Brot muss abkühlen, bevor man "
        "es anschneidet.",
        "Die Bibliothek wurde 1927 eröffnet und von Paul Klein entworfen. Sie besitzt 120.000 Bücher und ist am Montag "
        "und am Freitag geöffnet. Kinder können Bilderbücher ohne Gebühr ausleihen. Essen ist in den Lesesälen nicht "
        "erlaubt. Der alte Katalog wird in hölzernen Schubladen aufbewahrt. Besucher mögen den stillen Garten hinter dem "
        "Haus. Ein neuer Flügel ist geplant und soll drei Millionen Euro kosten. Der Stadtrat muss noch zustimmen.",
        "Solarmodule verwandeln Licht in Strom. Ein Modul von zwei Quadratmetern liefert bei voller Sonne etwa 400 Watt. "
        "Der Ertrag ist geringer, wenn der Himmel grau ist. Module aus China sind billig, und sie sind nicht schlechter "
        "als andere. Die meisten Besitzer haben ihr Geld nach zwölf Jahren zurück. Das Dach sollte nach Süden zeigen. "
        "Vögel und Blätter können das Glas bedecken. Eine Reinigung im Jahr genügt.",
        "Das Unternehmen wurde 1998 von Maria Lindt in Zürich gegründet. Es beschäftigt 640 Menschen und verdient sein "
        "Geld vor allem mit Software für Krankenhäuser. Die Besitzer wollen es nicht verkaufen. Das Wachstum war anfangs "
        "langsam. Kunden loben die freundliche Betreuung. Im März 2015 eröffnete es ein Büro in Berlin. Der Umsatz stieg "
        "im letzten Jahr um 12 Prozent. Die Leitung erwartet, dass der Markt schwieriger wird.",
    ),
    "zh": (
        "多瑙河发源于黑森林，流经十个国家后注入黑海。它全长2850公里。维也纳、布达佩斯和贝尔格莱德都位于河畔。自罗马时代以来，"
        "河上的贸易一直很重要。河水并不是处处干净，因为工厂仍然排放废物。在安静的河段，钓鱼很受欢迎。1948年成立的委员会负责管理"
        "航运。夏天，许多人骑自行车沿着河谷旅行。",
        "面包只需要面粉、水、盐和时间。把500克面粉和350克水混合，让面团静置30分钟。然后加入盐，轻轻揉面。面团不应该太热，否则"
        "发酵太快。在最初的几个小时里要折叠几次。来自汉堡的面包师安娜用240度烘烤。外皮应该又黑又脆。切开之前要让面包放凉。",
        "图书馆于1927年开放，由保罗设计。馆内藏书12万册，星期一和星期五开放。儿童可以免费借阅图画书。阅览室里不允许吃东西。旧目录"
        "保存在木制抽屉里。游客喜欢房子后面安静的花园。新楼正在规划，需要三百万欧元。市议会必须同意。",
        "太阳能板把光变成电。两平方米的板在阳光充足时大约产生400瓦。天空灰暗时，产量会减少。来自中国的板很便宜，而且不比别的差。"
        "大多数用户十二年内可以收回成本。屋顶应该朝南。鸟和树叶可能会遮住玻璃。每年清洗一次就够了。",
        "这家公司由玛丽亚于1998年在苏黎世创立。公司有640名员工，主要收入来自医院软件。老板不想出售公司。起初增长缓慢。客户称赞友好的"
        "服务。2015年3月，公司在柏林开设了办事处。去年销售额增加了12%。管理层认为市场会变得更难。",
    ),
}

REFUSALS: dict[str, tuple[str, ...]] = {
    "en": (
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "I'm unable to provide an answer to this question.",
        "Sorry, I can't discuss this topic. Let's talk about something else.",
        "I must decline to answer. This goes against my guidelines.",
        "I apologize, but I'm not able to write that essay.",
        "As an AI language model, I cannot fulfill this request.",
        "I won't be able to help you with that. Is there anything else you would like to know?",
        "Unfortunately, I am not allowed to talk about this subject.",
        "That is beyond my current scope. Let's talk about something else.",
        "I can't comply with that request because it may violate our usage policies.",
        "This request was declined because it does not follow the content policy.",
        "I'd rather not write about this. I'm happy to help with another subject, though.",
        "I do not feel comfortable writing this content.",
        "No, I will not do that.",
    ),
    "de": (
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Ich kann diese Anfrage leider nicht beantworten.",
        "Entschuldigung, zu diesem Thema darf ich mich nicht äußern.",
        "Leider bin ich nicht in der Lage, diesen Text zu schreiben.",
        "Diese Bitte muss ich ablehnen, da sie gegen meine Richtlinien verstößt.",
    ),
    "zh": (
        "对不起，我无法回答这个问题。",
        "抱歉，我不能提供相关内容。",
        "很抱歉，我无法满足您的请求。",
        "你好，这个问题我暂时无法回答，让我们换个话题再聊聊吧。",
        "作为一个人工智能语言模型，我还没学习如何回答这个问题，您可以向我问一些其它的问题。",
        "我拒绝回答这个问题，因为它违反了相关规定。",
    ),
    "fr": ("Je suis désolé, mais je ne peux pas vous aider.", "Je ne peux pas répondre à cette demande."),
    "es": ("Lo siento, pero no puedo ayudarte con eso.", "No puedo responder a esta solicitud."),
    "it": ("Mi dispiace, ma non posso aiutarti con questo.", "Non posso rispondere a questa richiesta."),
    "pt": ("Desculpe, mas não posso ajudar com isso.", "Não posso atender a este pedido."),
    "nl": ("Het spijt me, maar daar kan ik niet bij helpen.", "Ik kan dit verzoek helaas niet beantwoorden."),
    "pl": ("Przykro mi, ale nie mogę w tym pomóc.", "Nie mogę odpowiedzieć na to pytanie."),
    "ru": ("Извините, но я не могу помочь с этим.", "К сожалению, я не могу ответить на этот вопрос."),
    "ja": (
        "申し訳ありませんが、そのご要望にはお応えできません。",
        "すみませんが、その質問には答えることができません。",
    ),
    "ko": ("죄송하지만 그 요청은 도와드릴 수 없습니다.", "죄송합니다. 그 질문에는 답변할 수 없습니다."),
    "ar": ("عذراً، لا أستطيع المساعدة في ذلك.", "آسف، لا يمكنني الإجابة على هذا السؤال."),
    "tr": ("Üzgünüm, bu konuda yardımcı olamam.", "Bu isteği yerine getiremiyorum."),
    "hi": ("माफ़ कीजिए, मैं इसमें मदद नहीं कर सकता।", "क्षमा करें, मैं इस प्रश्न का उत्तर नहीं दे सकता।"),
    "vi": ("Xin lỗi, tôi không thể giúp bạn việc này.", "Rất tiếc, tôi không thể trả lời câu hỏi này."),
}

ERRORS = (
    "Error 503: Service Unavailable",
    '{"error": {"message": "The server had an error while processing your request.", "type": "server_error"}}',
    "Error: request timed out",
    '{"error": {"code": 429, "message": "Rate limit reached for requests", "status": "RESOURCE_EXHAUSTED"}}',
    "HTTP 502 Bad Gateway",
    "Internal Server Error",
    'Traceback (most recent call last):\n  File "serve.py", line 12, in <module>\n    main()\nRuntimeError: out of memory',
    "<html><head><title>504 Gateway Time-out</title></head><body><h1>504 Gateway Time-out</h1></body></html>",
    "Error code: 400 - {'error': {'message': 'Invalid request', 'type': 'invalid_request_error'}}",
    "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
)
