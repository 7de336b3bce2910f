"""The two questions that the demo asks of the published table, as any SQL client would."""

GOLD_QUESTION = "What is the probability that gold is higher in 5, 20, 161 days?"
GOLD_ANSWER = """SELECT "5_Day_Probability", "20_Day_Probability", "161_Day_Probability"
FROM Probabilities WHERE AssetName = 'GOLD'"""

FALL_QUESTION = "Which five assets are most likely to fall in a month?"
FALL_ANSWER = """SELECT AssetName, "21_Day_Probability"
FROM Probabilities ORDER BY "21_Day_Probability" ASC LIMIT 5"""

QUESTIONS = ((GOLD_QUESTION, GOLD_ANSWER), (FALL_QUESTION, FALL_ANSWER))
