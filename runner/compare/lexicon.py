# ruff: noqa: E501 (lists of words)
"""Lists of words that decide what a changed word means: negations, numbers, units, opposites, names.

English first, German and Chinese beside it, a few words of other languages. What a list lacks is judged as any other word:
the lists make a class more exact and are never needed for one. All in their folded form (`bare.fold`).
"""

from __future__ import annotations

from runner.compare.tokens import vocabulary


def _words(text: str) -> tuple[str, ...]:
    """The words of a list that is written as one text, in order."""
    return tuple(text.split())


def _pairs(text: str) -> dict[str, frozenset[str]]:
    """Words and their opposites, from "hot/cold light/dark/heavy": all in a group oppose the first."""
    found: dict[str, set[str]] = {}
    for group in text.split():
        first, *others = group.split("/")
        for other in others:
            found.setdefault(first, set()).add(other)
            found.setdefault(other, set()).add(first)
    return {word: frozenset(others) for word, others in found.items()}


def _table(text: str) -> dict[str, str]:
    """Each word of a line to the line's first."""
    lines = (line.split() for line in text.strip().splitlines())
    return {word: line[0] for line in lines for word in line}


NEGATIONS = vocabulary(
    "not no never none nor neither nothing nobody nowhere without unable hardly "
    "nicht nichts kein keine keinen keinem keiner keines nie niemals niemand ohne weder "
    "pas jamais aucun aucune sans nunca ningun ninguna ningunos tampoco sin non senza mai nao nem sem niet geen nooit "
    "nie nigdy bez не нет ни нельзя без никогда لا لم لن ليس değil degil khong नहीं"
)
HAN_NEGATIONS = frozenset("不没沒無无未非别勿莫")
HAN_NO_NEGATION = _words(
    "不仅 不僅 不过 不過 不断 不斷 不同 不少 不管 不论 不論 无论 無論 非常 未来 未來 非洲 不但 不久 不妨 除非"
    " 不然 不得不 无比 无非 莫非 并非常 差别 区别 特别 分别 级别 性别 别人 识别 类别 告别 个别 无数 不禁 不客气"
    " 不错 不已 非法移民"
)
"""Compounds in which these characters negate nothing, or nothing that another word would not."""

NUMBER_WORDS = {
    word: str(value)
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen",
        "null _ zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn fuenfzehn sechzehn siebzehn"
        " achtzehn neunzehn",
        "_ _ _ _ _ fuenf _ _ _ _ _ _ zwoelf",
        "_ _ deux trois quatre cinq _ sept huit neuf dix onze douze",
        "_ _ dos tres cuatro cinco seis siete ocho nueve diez",
    )
    for value, word in enumerate(words.split())
    if word not in ("_", "one")  # "one" is more often a pronoun
}
TENS = {
    word: 10 * value for value, word in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
SCALES = vocabulary(
    "hundred thousand million billion trillion dozen hundreds thousands millions billions trillions dozens "
    "hundert tausend million millionen milliarde milliarden billionen dutzend"
)
SOFT_NUMBERS = SCALES | vocabulary(
    "half third quarter double triple twice thrice single couple dual haelfte drittel viertel doppelt dreifach "
    "first second fifth sixth seventh eighth ninth tenth"
)
"""Words that count only where they stand in the place of another number."""
HAN_NUMBERS = frozenset("〇零一二三四五六七八九十百千万萬亿億两兩几幾半")

UNITS = _table(
    """
    km kilometre kilometres kilometer kilometers kms 公里 千米
    m metre metres meter meters
    cm centimetre centimetres centimeter centimeters zentimeter 厘米
    mm millimetre millimetres millimeter millimeters 毫米
    mile miles mi meile meilen 英里
    foot feet ft
    inch inches zoll
    yard yards yd
    kg kilogram kilograms kilo kilos kilogramm 公斤 千克
    g gram grams gramm 克
    mg milligram milligrams milligramm 毫克
    pound pounds lb lbs pfund
    ounce ounces oz
    ton tons tonne tonnes tonnen
    l litre litres liter liters 升
    ml millilitre millilitres milliliter milliliters 毫升
    gallon gallons
    cup cups
    tablespoon tablespoons tbsp
    teaspoon teaspoons tsp
    second seconds sec secs s sekunde sekunden 秒
    minute minutes min mins minuten 分钟
    hour hours hr hrs h stunde stunden 小时
    day days tag tage tagen
    week weeks woche wochen
    month months monat monate monaten
    year years yr yrs jahr jahre jahren
    dollar dollars usd
    euro euros eur
    yuan rmb
    yen jpy
    gbp
    celsius c
    fahrenheit f
    watt watts w
    kw kilowatt kilowatts
    mw megawatt megawatts
    kb kilobyte kilobytes
    mb megabyte megabytes
    gb gigabyte gigabytes
    tb terabyte terabytes
    volt volts v
    hz hertz
    """
)
"""Units as they stand behind a number; one writing of each."""

OPPOSITES = _pairs(
    "yes/no true/false correct/incorrect/wrong right/wrong/left agree/disagree and/or all/none/no/some every/no always/never "
    "more/less/fewer most/least/fewest many/few before/after above/below over/under up/down in/out inside/outside "
    "increase/decrease/reduce increases/decreases/reduces increased/decreased/reduced increasing/decreasing rise/fall "
    "rises/falls rose/fell grow/shrink grows/shrinks gain/lose/loss gains/loses/losses add/remove/subtract "
    "high/low higher/lower highest/lowest big/small large/small larger/smaller largest/smallest bigger/smaller "
    "long/short longer/shorter tall/short wide/narrow thick/thin deep/shallow good/bad/evil better/worse best/worst "
    "safe/dangerous/unsafe hot/cold/cool warm/cool/cold wet/dry fast/slow faster/slower quick/slow quickly/slowly "
    "early/late earlier/later first/last old/new/young older/newer/younger new/used strong/weak stronger/weaker "
    "hard/soft/easy easy/difficult easier/harder simple/complex/complicated cheap/expensive cheaper/pricier rich/poor "
    "light/dark/heavy bright/dark/dim open/closed/shut opens/closes opened/closed start/stop/end starts/ends begin/end "
    "begins/ends on/off allow/forbid/deny allowed/forbidden/banned/prohibited permit/forbid permitted/prohibited "
    "accept/reject/refuse accepted/rejected/refused approve/reject approved/rejected include/exclude includes/excludes "
    "included/excluded including/excluding win/lose wins/loses won/lost success/failure succeed/fail succeeds/fails "
    "succeeded/failed successful/failed positive/negative advantage/disadvantage advantages/disadvantages pro/con "
    "benefit/harm/drawback beneficial/harmful love/hate loves/hates loved/hated like/dislike friend/enemy "
    "friends/enemies ally/enemy happy/sad/unhappy happiness/sadness joy/sorrow optimistic/pessimistic male/female "
    "man/woman men/women boy/girl father/mother brother/sister husband/wife son/daughter king/queen alive/dead "
    "life/death born/died healthy/sick/ill buy/sell buys/sells bought/sold lend/borrow push/pull give/take send/receive "
    "enter/exit/leave arrive/depart/leave arrives/leaves arrived/left north/south east/west northern/southern "
    "eastern/western left/right front/back top/bottom upper/lower maximum/minimum max/min day/night summer/winter "
    "war/peace guilty/innocent public/private foreign/domestic liberal/conservative democratic/authoritarian "
    "democracy/dictatorship support/oppose supports/opposes supported/opposed encourage/discourage help/hinder "
    "protect/harm protects/harms create/destroy creates/destroys built/destroyed build/destroy improve/worsen "
    "improves/worsens improved/worsened empty/full clean/dirty sharp/blunt rough/smooth loud/quiet noisy/quiet "
    "asleep/awake present/absent presence/absence visible/hidden real/fake/imaginary fact/fiction truth/lie "
    "major/minor frequently/rarely often/rarely/seldom usually/rarely sufficient/insufficient with/without "
    "both/neither either/neither likely/unlikely possible/impossible ascending/descending plus/minus odd/even "
    "ja/nein richtig/falsch wahr/falsch mehr/weniger langsam/schnell langsamer/schneller billig/teuer billiger/teurer "
    "besser/schlechter gut/schlecht hoch/niedrig hoeher/niedriger/geringer steigen/sinken steigt/sinkt stieg/sank "
    "gestiegen/gesunken alt/neu/jung alten/neuen/jungen alte/neue/junge dunkel/hell warm/kalt heiss/kalt "
    "geoeffnet/geschlossen offen/geschlossen erlaubt/verboten vor/nach bevor/nachdem immer/nie alle/keine gross/klein "
    "grosse/kleine groesser/kleiner lang/kurz stark/schwach leicht/schwer einfach/schwierig reich/arm frueh/spaet "
    "frueher/spaeter innen/aussen oben/unten links/rechts sicher/gefaehrlich wichtig/unwichtig nord/sued"
)
HAN_OPPOSITES = tuple(
    frozenset(group.split("/"))
    for group in _words(
        "是/否 对/错 正确/错误 增加/减少 增长/下降 上升/下降 提高/降低 便宜/昂贵 便宜/贵 开放/关闭 打开/关闭"
        " 缓慢/迅速 缓慢/快速 慢/快 热/冷 干净/肮脏 干净/脏 难/容易 困难/容易 复杂/简单 之前/之后 以前/以后 前/后"
        " 上/下 左/右 高/低 大/小 多/少 长/短 好/坏 新/旧 强/弱 安全/危险 合法/非法 允许/禁止 支持/反对 同意/反对"
        " 成功/失败 胜利/失败 积极/消极 优点/缺点 重要/次要 富/穷 早/晚 男/女 生/死 买/卖 进/出 南/北 东/西 内/外"
        " 有/无 真/假 赞成/反对 接受/拒绝 最大/最小 最高/最低 更多/更少 总是/从不 全部/部分 明/暗 亮/暗 轻/重 胖/瘦"
        " 美/丑"
    )
)
PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "mis", "anti")
"""What makes a word its own opposite: legal, illegal."""

ABBREVIATED = {
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "and so on",
    "vs.": "versus",
    "approx.": "approximately",
    "dr.": "doctor",
    "mr.": "mister",
    "prof.": "professor",
    "u.s.a.": "united states",
    "u.s.": "united states",
    "usa": "united states",
    "z. b.": "zum Beispiel",
    "z.b.": "zum Beispiel",
    "d. h.": "das heißt",
    "d.h.": "das heißt",
    "u.k.": "united kingdom",
}
CAPITAL_ABBREVIATED = {"US": "united states", "UK": "united kingdom"}

HAVE_IS = _words("it that what there here he she who")
"""Words behind which `'s` is a verb."""

COMMON = vocabulary(
    "i i'm i'll i've i'd a an the ok yes no in it this that you we they he she and or but for to of on at by with from as if"
    " so is are was were be been not then than when while who what which where why how all any some each every more most"
    " here there these those his her its their our your my also however therefore moreover although because since"
)
"""Words that stand capitalised without being names."""
