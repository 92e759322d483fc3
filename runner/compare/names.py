# ruff: noqa: E501 (lists of words)
"""Names that are known as such: of places, people, firms, in folded form, and how Chinese writes foreign ones.

A word with a capital inside a sentence is a name without any list. These are for where that cannot be seen: at the start
of a sentence, in German, where all nouns have capitals, and in Chinese, which has none.
"""

from __future__ import annotations

from runner.compare.tokens import vocabulary

PLACES = vocabulary(
    "afghanistan africa albania algeria america amsterdam angola ankara antarctica argentina arizona armenia asia athens"
    " atlanta australia austria azerbaijan baghdad bahrain bangkok bangladesh barcelona beijing beirut belarus belgium"
    " belgrade belgrad berlin bolivia bosnia boston botswana brazil britain brussels bucharest budapest bulgaria burma"
    " cairo california cambodia cameroon canada chicago chile china colombia colorado congo copenhagen croatia cuba cyprus"
    " czechia damascus delhi denmark dubai dublin ecuador egypt england estonia ethiopia europe finland florida france"
    " frankfurt gaza geneva genf georgia germany ghana greece guatemala hamburg hanoi hawaii helsinki honduras houston"
    " hungary iceland india indonesia iran iraq ireland islamabad israel istanbul italy jakarta jamaica japan jerusalem"
    " jordan kabul karachi kazakhstan kenya kiev koeln korea kosovo kuwait kyiv kyoto laos latvia lebanon libya lima lisbon"
    " lithuania london luxembourg macau madrid malaysia mali malta manchester manila mecca melbourne mexico miami milan"
    " moldova monaco mongolia montreal morocco moscow moskau mozambique muenchen mumbai munich myanmar nairobi namibia"
    " naples nepal netherlands nicaragua nigeria norway ohio oman oregon osaka oslo ottawa pakistan palestine panama"
    " paraguay paris pennsylvania peru philadelphia philippines poland portugal prague prag pyongyang qatar quebec riyadh"
    " rom romania rome russia rwanda santiago sarajevo scotland seattle senegal seoul serbia shanghai shenzhen siberia"
    " singapore slovakia slovenia somalia spain stockholm sudan sweden switzerland sydney syria taipei taiwan tanzania"
    " tehran texas thailand tibet tokyo toronto tunisia turkey uganda ukraine uruguay uzbekistan vancouver venezuela venice"
    " vienna vietnam virginia wales warsaw warschau washington wien xinjiang yemen zambia zimbabwe zurich zuerich"
    " deutschland frankreich italien spanien russland oesterreich schweiz polen japanische grossbritannien tuerkei"
    " indien kanada mexiko brasilien europa afrika asien amerika"
)
PEOPLE = vocabulary(
    "aaron abraham adam ahmed alan albert alex alexander ali alice amy ana andrea andrew angela anna anne anthony antonio"
    " arthur barack barbara ben benjamin bernard bob brian carl carlos carol caroline catherine charles charlie charlotte"
    " chris christian christine claire clara daniel david dennis diana donald dorothy edward eleanor elena elizabeth emily"
    " emma eric ernest eva eve felix fiona frank franz fred george grace hannah hans harry helen helena henry hugo ian ivan"
    " jack jacob james jane jason jenny jessica jim joan joe john jonas jonathan jose joseph juan julia julian karen karl"
    " kate kevin klaus laura leo leon lily linda lisa louis lucas lucy luis lukas maria marie mark martha martin mary"
    " matthew max michael mike mohammed nancy natalie nicholas nick nina noah oliver olivia omar oscar otto pablo pamela"
    " patricia patrick paul paula pedro peter philip rachel ralph raymond rebecca richard robert roger ronald rose ruth ryan"
    " sally sam samuel sandra sara sarah simon sofia sophia sophie stephen steve steven susan teresa thomas tim tom tony"
    " victor victoria vladimir walter wei william xavier xi yuki zoe obama trump biden reagan clinton bush nixon kennedy"
    " lincoln roosevelt churchill thatcher merkel macron putin stalin lenin hitler mao deng einstein newton darwin curie"
    " mozart bach beethoven shakespeare goethe kant plato aristotle socrates caesar napoleon gandhi mandela marx freud"
)
FIRMS = vocabulary(
    "adobe airbnb alibaba alphabet amazon amd android anthropic apple baidu bing bitcoin bloomberg bmw boeing bytedance cerebras"
    " chatgpt chrome cisco claude coca-cola cohere congress copilot deepseek democrats disney ebay ethereum exxon facebook"
    " firefox ford gemini github google gpt grok honda huawei ibm ikea instagram intel iphone java javascript kimi linkedin"
    " linux llama macos mastercard mcdonald's meta microsoft mistral moonshot nasa nato netflix nike nintendo nokia nvidia"
    " openai oracle paypal pepsi perplexity pinterest playstation python qwen reddit republicans samsung sap senate shell"
    " siemens skype slack snapchat sony spotify starbucks telegram tencent tesla tiktok toyota twitter uber unicef unesco"
    " visa volkswagen volvo walmart wechat whatsapp wikipedia windows xai xbox xiaomi yahoo youtube zhipu zoom"
    " christian muslim jewish buddhist hindu islam christianity buddhism judaism hinduism"
)
KNOWN = PLACES | PEOPLE | FIRMS
"""Names that are names even where a sentence begins, or where case is not kept."""

HAN_SOUNDS = frozenset(
    "柏林堡汉黎世也瓦哥珊翰娅莲娣琪"
    "阿埃艾安奥巴邦保鲍贝本比彼波伯布查达戴丹道德迪蒂杜多恩尔法菲费芬弗福盖戈格古哈海汉赫亨霍基吉加杰金卡凯坎康考科克肯库奎拉莱兰朗劳勒雷黎利莉"
    "里理丽琳林龙卢鲁伦罗洛玛麦曼梅门蒙米密莫姆慕穆拿纳娜南内尼妮纽努诺欧帕潘佩彭皮普奇乔琼瑞萨塞赛桑沙莎山舍圣史士舒司斯丝苏索塔泰坦汤特滕提"
    "廷图托瓦韦维温沃乌西希锡夏辛休雅亚延扬伊因英尤约泽詹珍朱兹"
)
"""Characters that write foreign names by sound."""
HAN_NAMES = vocabulary(
    "柏林 巴黎 伦敦 罗马 维也纳 汉堡 慕尼黑 法兰克福 苏黎世 日内瓦 布达佩斯 布拉格 华沙 莫斯科 基辅 纽约 华盛顿 洛杉矶 旧金山 芝加哥 波士顿 多伦多 悉尼"
    " 曼谷 新加坡 马德里 巴塞罗那 里斯本 阿姆斯特丹 布鲁塞尔 斯德哥尔摩 开罗 孟买 新德里 河内 雅加达 马尼拉 意大利 西班牙 葡萄牙 希腊 埃及 土耳其"
    " 安娜 玛丽 约翰 大卫 保罗 彼得 杰克 "
    "中国 美国 英国 法国 德国 日本 俄罗斯 俄国 印度 韩国 朝鲜 台湾 香港 澳门 西藏 新疆 北京 上海 广州 深圳 天津"
    " 重庆 成都 武汉 南京 杭州 西安 东京 大阪 首尔 欧洲 亚洲 非洲 美洲 黑海 黑森林 长江 黄河 越南 泰国 瑞士 瑞典"
    " 荷兰 巴西 加拿大 澳大利亚 墨西哥 乌克兰 以色列 伊朗 伊拉克 毛泽东 邓小平 习近平 李白 杜甫 孔子 张三 李四"
    " 王五 小明 小红 腾讯 阿里巴巴 百度 华为 字节跳动 微软 谷歌 苹果 共产党 国民党"
)
