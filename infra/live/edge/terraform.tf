terraform {
  required_version = "~> 1.11"

  # State in R2, at Cloudflare itself: neither cloud has to be there. Bucket and endpoint come with -backend-config.
  backend "s3" {
    key                         = "edge.tfstate"
    region                      = "auto"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }

  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "5.22.0"
    }
  }
}

# The token comes from CLOUDFLARE_API_TOKEN.
provider "cloudflare" {}
