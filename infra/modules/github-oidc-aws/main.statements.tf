# What plan and apply may do. Names bound it where a service knows names; ids that AWS gives are bound by region and account.

locals {
  here       = "${var.region}:${local.account}"
  tables     = [for cell in var.cells : "arn:${local.partition}:dynamodb:${local.here}:table/${cell}-*"]
  topics     = [for cell in var.cells : "arn:${local.partition}:sns:${local.here}:${cell}-*"]
  queues     = [for cell in var.cells : "arn:${local.partition}:sqs:${local.here}:${cell}-*"]
  functions  = [for cell in var.cells : "arn:${local.partition}:lambda:${local.here}:function:${cell}-*"]
  roles      = [for cell in var.cells : "arn:${local.partition}:iam::${local.account}:role/${cell}-*"]
  alarms     = [for cell in var.cells : "arn:${local.partition}:cloudwatch:${local.here}:alarm:${cell}-*"]
  dashboards = [for cell in var.cells : "arn:${local.partition}:cloudwatch::${local.account}:dashboard/${cell}"]
  log_groups = flatten([for cell in var.cells : ["arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/${cell}-*", "arn:${local.partition}:logs:${local.here}:log-group:/aws/apigateway/${cell}"]])
  keys       = ["arn:${local.partition}:kms:${local.here}:key/*", "arn:${local.partition}:kms:${local.here}:alias/*"]
  apis       = [for path in ["/apis", "/apis/*", "/domainnames", "/domainnames/*", "/tags/*"] : "arn:${local.partition}:apigateway:${var.region}::${path}"]
  network    = [for kind in ["vpc", "subnet", "route-table", "security-group", "security-group-rule", "vpc-endpoint"] : "arn:${local.partition}:ec2:${local.here}:${kind}/*"]
  mappings   = "arn:${local.partition}:lambda:${local.here}:event-source-mapping:*"
  state      = "arn:${local.partition}:s3:::${var.state_bucket}"

  table_data_actions = [
    "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:DescribeStream", "dynamodb:GetItem", "dynamodb:GetRecords",
    "dynamodb:GetShardIterator", "dynamodb:ListStreams", "dynamodb:PartiQLInsert", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan",
  ]

  # Actions that know no resource.
  plan_anywhere = [
    "cloudwatch:DescribeAlarms", "ec2:DescribeAvailabilityZones", "ec2:DescribeNetworkInterfaces", "ec2:DescribePrefixLists", "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs", "kms:ListAliases", "lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings", "logs:DescribeLogGroups",
    "logs:DescribeMetricFilters", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries", "sts:GetCallerIdentity",
  ]

  plan_statements = [
    { Sid = "StateList", Effect = "Allow", Action = ["s3:ListBucket"], Resource = local.state },
    { Sid = "StateRead", Effect = "Allow", Action = ["s3:GetObject"], Resource = "${local.state}/cells/*" },
    { Sid = "ReadTables", Effect = "Allow", Action = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"], Resource = local.tables },
    { Sid = "ReadTopics", Effect = "Allow", Action = ["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource"], Resource = local.topics },
    { Sid = "ReadQueues", Effect = "Allow", Action = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"], Resource = local.queues },
    {
      Sid      = "ReadFunctions"
      Effect   = "Allow"
      Action   = ["lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration", "lambda:GetPolicy", "lambda:ListTags", "lambda:ListVersionsByFunction"]
      Resource = concat(local.functions, [for function in local.functions : "${function}:*"])
    },
    { Sid = "ReadRoles", Effect = "Allow", Action = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"], Resource = local.roles },
    { Sid = "ReadLogs", Effect = "Allow", Action = ["logs:ListTagsForResource"], Resource = local.log_groups },
    { Sid = "ReadAlarms", Effect = "Allow", Action = ["cloudwatch:ListTagsForResource"], Resource = local.alarms },
    { Sid = "ReadDashboards", Effect = "Allow", Action = ["cloudwatch:GetDashboard"], Resource = local.dashboards },
    { Sid = "ReadKeys", Effect = "Allow", Action = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"], Resource = local.keys },
    { Sid = "ReadApis", Effect = "Allow", Action = ["apigateway:GET"], Resource = local.apis },
    { Sid = "ReadAnywhere", Effect = "Allow", Action = local.plan_anywhere, Resource = "*" },
  ]

  # Actions that know no resource.
  apply_anywhere = [
    "kms:CreateKey", "lambda:CreateEventSourceMapping", "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
  ]

  # AWS takes 6,144 characters in a policy, so there are two: the pipeline of events with what runs it, and what surrounds that.
  apply_statements = [
    { Sid = "StateWrite", Effect = "Allow", Action = ["s3:PutObject"], Resource = "${local.state}/cells/*" },
    { Sid = "StateLock", Effect = "Allow", Action = ["s3:DeleteObject"], Resource = "${local.state}/cells/*.tflock" },
    {
      Sid      = "Tables"
      Effect   = "Allow"
      Action   = ["dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"]
      Resource = local.tables
    },
    {
      Sid      = "Topics"
      Effect   = "Allow"
      Action   = ["sns:CreateTopic", "sns:DeleteTopic", "sns:SetSubscriptionAttributes", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource"]
      Resource = local.topics
    },
    { Sid = "Queues", Effect = "Allow", Action = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"], Resource = local.queues },
    {
      Sid    = "Functions"
      Effect = "Allow"
      Action = [
        "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency",
        "lambda:PublishVersion", "lambda:PutFunctionConcurrency", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateAlias",
        "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      ]
      Resource = concat(local.functions, [for function in local.functions : "${function}:*"])
    },
    { Sid = "Mappings", Effect = "Allow", Action = ["lambda:DeleteEventSourceMapping", "lambda:TagResource", "lambda:UpdateEventSourceMapping"], Resource = local.mappings },
    # A role without the boundary cannot be made, nor can the boundary be taken away from one.
    {
      Sid       = "RolesWithBoundary"
      Effect    = "Allow"
      Action    = ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"]
      Resource  = local.roles
      Condition = { StringEquals = { "iam:PermissionsBoundary" = "arn:${local.partition}:iam::${local.account}:policy/${var.name}-boundary" } }
    },
    { Sid = "Roles", Effect = "Allow", Action = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy"], Resource = local.roles },
    { Sid = "PassRoles", Effect = "Allow", Action = ["iam:PassRole"], Resource = local.roles, Condition = { StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "ecs-tasks.amazonaws.com"] } } },
  ]

  surroundings_statements = concat([
    {
      Sid      = "Logs"
      Effect   = "Allow"
      Action   = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DisassociateKmsKey", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"]
      Resource = concat(local.log_groups, [for group in local.log_groups : "${group}:*"])
    },
    { Sid = "Alarms", Effect = "Allow", Action = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"], Resource = local.alarms },
    { Sid = "Dashboards", Effect = "Allow", Action = ["cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard"], Resource = local.dashboards },
    {
      Sid      = "Keys"
      Effect   = "Allow"
      Action   = ["kms:CreateAlias", "kms:CreateGrant", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription"]
      Resource = local.keys
    },
    { Sid = "Apis", Effect = "Allow", Action = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource", "apigateway:UntagResource"], Resource = local.apis },
    {
      Sid    = "Network"
      Effect = "Allow"
      Action = [
        "ec2:AssociateRouteTable", "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup",
        "ec2:CreateSubnet", "ec2:CreateTags", "ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet",
        "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DisassociateRouteTable", "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute",
        "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
      ]
      Resource = local.network
    },
    { Sid = "Anywhere", Effect = "Allow", Action = local.apply_anywhere, Resource = "*", Condition = { StringEquals = { "aws:RequestedRegion" = var.region } } },
    ],
    length(var.secret_arns) == 0 ? [] : [{ Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = sort(var.secret_arns) }],
  )
}
