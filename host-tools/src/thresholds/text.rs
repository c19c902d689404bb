//! How values that are no JSON of their own are written in the file.

pub mod rate_fraction {
    use super::super::{Rate, fraction, rate_of_fraction};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(rate: &Rate, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(fraction(*rate))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        rate_of_fraction(f64::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("a rate is from 0 to 1"))
    }
}

pub mod raw_score {
    use super::super::Score;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(score: &Score, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(score.raw())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Score, D::Error> {
        i32::deserialize(deserializer).map(Score::from_raw)
    }
}

pub mod fusion_text {
    use super::super::{Fusion, parse_fusion};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(fusion: &Fusion, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(fusion)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fusion, D::Error> {
        parse_fusion(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

pub mod digest_text {
    use super::super::ModelDigest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(digest: &ModelDigest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ModelDigest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
