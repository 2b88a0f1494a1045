# What AWS takes: no policy of the pipeline is longer than it allows, and more cells than fit are refused with what to do.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  cells          = ["aws-alpha", "aws-beta", "aws-gamma"]
  region         = "ap-southeast-2"
  state_bucket   = "polycell-state-of-an-organisation"
  plan_subjects  = ["repo:o/r:pull_request"]
  apply_subjects = ["repo:o/r:environment:production"]
  provider_arn   = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
}

run "three_cells" {
  command = plan

  assert {
    condition     = alltrue([for policy in concat(values(aws_iam_policy.apply), values(aws_iam_policy.containers), [aws_iam_policy.plan, aws_iam_policy.boundary]) : length(policy.policy) <= 6144])
    error_message = "Three cells fit into the policies."
  }

  assert {
    condition = length(distinct(flatten([for policy in values(aws_iam_policy.apply) : jsondecode(policy.policy).Statement[*].Sid]))) == sum([
      for policy in values(aws_iam_policy.apply) : length(jsondecode(policy.policy).Statement)
    ])
    error_message = "Each statement is in one policy."
  }

  assert {
    condition     = contains(flatten([for policy in values(aws_iam_policy.apply) : jsondecode(policy.policy).Statement[*].Sid]), "Network")
    error_message = "An apply may make the network."
  }
}

run "more_cells_than_fit" {
  command = plan

  variables {
    cells = [for number in range(40) : "a-cell-with-a-long-name-${number}"]
  }

  expect_failures = [aws_iam_policy.apply, aws_iam_policy.containers, aws_iam_policy.plan, aws_iam_policy.boundary]
}
