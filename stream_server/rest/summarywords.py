"""What the picture of a summary says, in two languages."""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, str]
ENGLISH: Words = {
    "live": "live",
    "distress": "Distress", "of": "anger and fear",
    "not_inferred": "not inferred",
    "who": "Speaker", "talk": "Share of talk", "turns_count": "Turns", "interruptions": "Interrupted others",
    "start": "At the start", "worst": "At worst", "end": "At the end", "recovered": "Recovered",
    "after": "after {time}", "never": "no", "calm": "was calm",
    "duration": "Duration", "silence": "Silence", "longest": "longest {time}", "overlap": "At once", "alerts": "Alerts",
    "quality": "Heard well", "noise": "SNR {db} dB", "unusable": "{share} unusable", "none": "none",
    "worse": "worse", "better": "better",
    "caution": "Estimates by a model. Do not decide about a person by them alone.",
    "angry": "angry", "disgusted": "disgusted", "fearful": "fearful", "happy": "happy", "neutral": "neutral",
    "other": "other", "sad": "sad", "surprised": "surprised", "unknown": "unknown",
    "customer": "customer", "agent": "agent", "mixed": "all on one channel", "left": "left", "right": "right",
}  # fmt: skip
CHINESE: Words = {
    "live": "进行中",
    "distress": "困扰程度", "of": "愤怒与恐惧",
    "not_inferred": "未推断",
    "who": "说话人", "talk": "发言占比", "turns_count": "轮次", "interruptions": "打断对方",
    "start": "开始时", "worst": "最差时", "end": "结束时", "recovered": "是否缓和",
    "after": "{time} 后缓和", "never": "否", "calm": "一直平静",
    "duration": "时长", "silence": "静默", "longest": "最长 {time}", "overlap": "同时说话", "alerts": "告警",
    "quality": "音质良好", "noise": "信噪比 {db} dB", "unusable": "{share} 不可用", "none": "无",
    "worse": "变差", "better": "好转",
    "caution": "以上为模型估计，请勿仅凭此对个人作出决定。",  # noqa: RUF001
    "angry": "愤怒", "disgusted": "厌恶", "fearful": "恐惧", "happy": "开心", "neutral": "平静",
    "other": "其他", "sad": "悲伤", "surprised": "惊讶", "unknown": "未知",
    "customer": "客户", "agent": "坐席", "mixed": "所有人", "left": "左声道", "right": "右声道",
}  # fmt: skip
LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "zh": CHINESE}
